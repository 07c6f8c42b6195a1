"""Whole models of the second generation."""

import json

import numpy as np
import pytest
import torch
from parity import Case, fixture_folder
from test_sapiens2_heads import CASES, head_of
from test_sapiens2_vit import build

from mmsapiens.keypoints import get_keypoint_set
from mmsapiens.models import map_losses
from mmsapiens.models.archs import SAPIENS2_ARCHS
from mmsapiens.models.build import assemble
from mmsapiens.models.heads import HEADS
from mmsapiens.models.losses import all_pixel_cross_entropy_loss, dice_loss, keypoint_mse_loss
from mmsapiens.models.sapiens2_vit import Sapiens2ViT
from mmsapiens.models.tasks import SAPIENS2_TASKS, get_task
from mmsapiens.ops.cameras import canonical_scale, points_of_depth
from mmsapiens.ops.udp_decoding import averaged


def model_of(case):
    """Encoder and head of a case; features of its image."""
    weights = case.group('weights')
    weights = {k.removeprefix('backbone.'): v for k, v in weights.items() if k[:8] == 'backbone'}
    encoder = build(case.config['backbone'], weights)
    return encoder, head_of(case), encoder(case['inputs/image'])


def check_gradients(case, encoder, head, loss):
    """Compare the gradients of a loss with those of the case."""
    loss.backward()
    found = {f'backbone.{k}': v for k, v in encoder.named_parameters()}
    found |= {f'decode_head.{k}': v for k, v in head.named_parameters()}
    grads = case.group('grads')
    assert grads
    for name, expected in grads.items():
        case.assert_grad_close(
            found[name.replace('conv_pose', 'final_layer')].grad.detach(), expected
        )


@pytest.mark.parametrize('name', CASES)
def test_features_of_task_models_equal_the_reference(name):
    case = Case(name)
    case.assert_close(model_of(case)[2][0].detach(), case['outputs/featmap'])


def test_pose_training_equals_the_reference():
    case = Case('s2_pose_head')
    encoder, head, feats = model_of(case)
    target = case['inputs/target_heatmaps_uint8'].float() / 255
    weights = case['inputs/keypoint_weights'].flatten(1)
    maps = head(feats)
    factor = case.config['decode_head']['loss_decode']['loss_weight']
    loss = factor * keypoint_mse_loss(maps, target, weights)
    case.assert_close(loss.item(), case.scalar('loss_kpt'), 'loss_')
    check_gradients(case, encoder, head, loss)
    indices = get_keypoint_set('goliath308').flip_indices
    with torch.no_grad():
        mirrored = head(encoder(case['inputs/image'].flip(-1)))
        mean = averaged(maps.detach(), mirrored, indices)
    case.assert_close(mean[0, ::7], case['outputs/flip_test_sample0_every7th'])


def test_parsing_training_equals_the_reference():
    case = Case('s2_seg_head')
    encoder, head, feats = model_of(case)
    labels = case['inputs/labels'].long()
    cross, _ = case.config['decode_head']['loss_decode']
    logits = head(feats)
    ce = all_pixel_cross_entropy_loss(logits, labels, torch.tensor(cross['class_weight']))
    dice = dice_loss(logits, labels)
    case.assert_close(ce.item(), case.scalar('loss_ce'), 'loss_')
    case.assert_close(dice.mean().item(), case.scalar('loss_dice'), 'loss_')
    case.assert_close(dice.detach(), case['outputs/loss_dice_per_sample'])
    check_gradients(case, encoder, head, ce + dice.mean())


def test_normal_training_equals_the_reference():
    case = Case('s2_normal_head')
    encoder, head, feats = model_of(case)
    inputs = head(feats), case['inputs/gt_normal'], case['inputs/mask'][:, 0].bool()
    losses = map_losses.normal_losses(*inputs)
    names = dict(loss_cosine='loss_cosine_sim', loss_gradient='loss_grad_l1')
    for name, value in losses.items():
        case.assert_close(value.item(), case.scalar(names.get(name, name)), 'loss_')
    check_gradients(case, encoder, head, sum(losses.values()))


def test_albedo_training_equals_the_reference():
    case = Case('s2_albedo_head')
    encoder, head, feats = model_of(case)
    inputs = head(feats), case['inputs/gt_albedo'], case['inputs/mask'][:, 0].bool()
    losses = map_losses.albedo_losses(*inputs)
    names = dict(loss_gradient='loss_grad_l1', loss_chromaticity='loss_chroma_l1')
    for name, value in losses.items():
        case.assert_close(value.item(), case.scalar(names.get(name, name)), 'loss_')
    check_gradients(case, encoder, head, sum(losses.values()))


def test_matting_training_equals_the_reference():
    case = Case('s2_matting_head')
    encoder, head, feats = model_of(case)
    levels = case.config['decode_head']['loss_decode'][-1]['max_levels']
    known = case['inputs/mask'][:, 0].bool()
    targets = case['inputs/gt_alpha'], case['inputs/gt_foreground']
    losses = map_losses.matting_losses(head(feats), *targets, known, levels)
    words = {'l1': 'l1', 'edge': 'grad', 'laplacian': 'lap', 'alpha': 'pha', 'foreground': 'fgr'}
    for name, value in losses.items():
        key = '_'.join(words.get(part, part) for part in name.split('_'))
        case.assert_close(value.item(), case.scalar(key), 'loss_')
    check_gradients(case, encoder, head, sum(losses.values()))


def test_pointmap_training_equals_the_reference():
    case = Case('s2_pointmap_head')
    encoder, head, feats = model_of(case)
    points, scale = head.both(feats)
    camera, mask = case['inputs/intrinsics'], case['inputs/mask'][:, 0].bool()
    true_scale = canonical_scale(camera)
    case.assert_close(true_scale, case['outputs/gt_scale'])
    target = points_of_depth(case['inputs/depth'], camera) * true_scale[:, None, None, None]
    target = target * mask[:, None]
    case.assert_close(target[0], case['outputs/gt_pointmap_sample0'])
    losses = map_losses.pointmap_losses(points, scale, target, camera, mask)
    names = {'multiscale': 'multiscale_l1_2', 'intrinsics': 'K_consistency', 'scale': 'scale_l1'}
    for name, value in losses.items():
        short = name.removeprefix('loss_')
        prefix = 'loss_normal_' if short == 'normal' else 'loss_'
        case.assert_close(value.item(), case.scalar(f'loss_{names.get(short, short)}'), prefix)
    total = sum(losses.values()) - losses['loss_normal']
    check_gradients(case, encoder, head, total)


def test_heads_of_all_sizes_are_those_of_the_release():
    path = fixture_folder().parent / 'reference' / 'sapiens2_architectures.json'
    if not path.is_file():
        pytest.skip(f'no file {path}')
    for name, sizes in json.loads(path.read_text())['heads'].items():
        task = next(t for each, t in SAPIENS2_TASKS.items() if each.startswith(name))
        for size, row in sizes.items():
            arch = SAPIENS2_ARCHS[size]
            with torch.device('meta'):
                head = HEADS[task.head](
                    arch['embed_dims'],
                    task.channels,
                    **task.head_channels(size.removeprefix('sapiens2_')),
                )
            assert sum(p.numel() for p in head.parameters()) == row['params'], (name, size)


def test_all_tasks_on_one_encoder():
    torch.manual_seed(0)
    names = list(SAPIENS2_TASKS)
    model = assemble(
        SAPIENS2_ARCHS['sapiens2_tiny'], names, img_size=(160, 128), encoder=Sapiens2ViT
    ).eval()
    image = np.random.default_rng(0).integers(0, 255, (90, 50, 3), dtype=np.uint8)
    found = model([image], [np.array([[5, 5, 40, 80], [0, 0, 50, 90]])])
    assert found['pose-308'][0].shape == (2, 308, 3)
    assert found['seg-29'][0].shape == (90, 50) and found['seg-29'][0].max() < 29
    torch.testing.assert_close(found['normal'][0].norm(dim=0), torch.ones(90, 50))
    assert found['pointmap'][0].shape == found['albedo'][0].shape == (3, 90, 50)
    assert found['matting'][0].shape == (4, 90, 50)
    assert 0 <= found['matting'][0].min() <= found['matting'][0].max() <= 1
    fitted, stretched = model.prepare('normal', image), model.prepare('seg-29', image)
    assert (fitted[:, 0] == 0).all() and not np.array_equal(fitted, stretched)
    assert get_task('seg-29').class_set.classes[2] == 'Eyeglass'
    with pytest.raises(KeyError, match="one of .*'seg-28'.* but got 'pointmap'"):
        assemble('tiny', ['pointmap'])
