"""Stock mmpose classes that our configs use give the reference's numbers."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS
from parity import Case

from mmsapiens.engine import LossGuard


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


@pytest.mark.parametrize('name', ['A', 'B'])
def test_encoding(name):
    case = Case('pose_codec')
    codec = KEYPOINT_CODECS.build(case.config[name])
    keypoints = case[f'inputs/encode{name}.keypoints'].numpy()
    visible = case[f'inputs/encode{name}.visible'].numpy()
    for index in range(len(keypoints)):
        rows = slice(index, index + 1)
        encoded = codec.encode(keypoints[rows], visible[rows])
        case.assert_close(
            torch.as_tensor(encoded['heatmaps']), case[f'outputs/encode{name}.heatmaps'][index]
        )
        case.assert_close(
            torch.as_tensor(encoded['keypoint_weights']),
            case[f'outputs/encode{name}.weights'][index],
        )


def test_decoding():
    case = Case('pose_codec')
    codec = KEYPOINT_CODECS.build(case.config['B'])
    compared = 0
    for index, heatmaps in enumerate(case['inputs/decodeB.heatmaps']):
        keypoints, scores = codec.decode(heatmaps.numpy())
        stable = case['outputs/decodeB.stable'][index].bool()
        compared += int(stable.sum())
        torch.testing.assert_close(
            torch.as_tensor(keypoints)[:, stable],
            case['outputs/decodeB.keypoints'][index][:, stable],
            atol=case.tolerance['decode_keypoints_atol'],
            rtol=0,
        )
        torch.testing.assert_close(
            torch.as_tensor(scores),
            case['outputs/decodeB.scores'][index],
            atol=case.tolerance['scores_atol'],
            rtol=0,
        )
    assert compared


def loss_names():
    return [
        'mse_no_weight',
        'mse',
        'mse_weight_2',
        'mse_skip_empty',
        'ohkm',
        'ohkm_no_weight',
        'ohkm_all',
    ]


@pytest.mark.parametrize('name', loss_names())
def test_loss(name):
    case = Case('pose_losses')
    loss_module = MODELS.build(case.config[name])
    output = case['inputs/output'].clone().requires_grad_()
    weights = case['inputs/weights']
    if not case.config[name].get('use_target_weight', False):
        weights = None  # stock counts weights whenever it is given them
    loss = loss_module(output, case['inputs/target'], weights)
    assert loss.item() == pytest.approx(case.scalar(name), rel=case.tolerance['rtol'])
    if f'grads/{name}' in case.tensors:
        loss.backward()
        case.assert_grad_close(output.grad, case[f'grads/{name}'])


def test_every_loss_of_the_fixture_is_compared():
    assert set(Case('pose_losses').config) == set(loss_names())


def test_too_many_hard_keypoints_are_an_error():
    case = Case('pose_losses')
    num_keypoints = case['inputs/output'].shape[1]
    expected = case.doc['scalars']['ohkm_topk_too_large']
    assert expected == 'ValueError'
    loss = MODELS.build(dict(case.config['ohkm'], topk=num_keypoints + 1))
    with pytest.raises(ValueError):
        loss(case['inputs/output'], case['inputs/target'], case['inputs/weights'])


def test_loss_guard():
    case = Case('pose_losses')
    guard = LossGuard(factor=25, momentum=1)
    for raw, minimised, factor in case.scalar('loss_spike_guard'):
        accepted = guard.accepts(torch.tensor(raw))
        assert float(accepted) == factor
        assert raw * accepted == pytest.approx(minimised)


def test_top_down_crop():
    case = Case('pose_topdown_affine')
    transforms = [TRANSFORMS.build(cfg) for cfg in case.config]
    for index, bbox in enumerate(case['inputs/bboxes'].numpy()):
        keypoints = case['inputs/keypoints'][index].numpy()
        results = dict(
            img=case['inputs/image'].numpy(),
            bbox=bbox[None],
            keypoints=keypoints,
            keypoints_visible=np.ones(keypoints.shape[:2], dtype=np.float32),
        )
        for transform in transforms:
            results = transform(results)
        difference = results['img'].astype(int)
        difference -= case['outputs/images'][index].numpy().astype(int)
        assert abs(difference).max() <= case.tolerance['image_max_abs']
        assert abs(difference).mean() <= case.tolerance['image_mean_abs']
        for key, name, atol in (
            ('bbox_center', 'bbox_centers', 'atol'),
            ('bbox_scale', 'bbox_scales', 'atol'),
            ('transformed_keypoints', 'keypoints', 'keypoints_atol'),
        ):
            torch.testing.assert_close(
                torch.as_tensor(results[key]).float(),
                case[f'outputs/{name}'][index],
                atol=case.tolerance[atol],
                rtol=0,
                msg=f'{name} of box {index}',
            )
