"""Files of the second generation: three sets of names, and what is refused."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from parity import Case

from mmsapiens import build_model
from mmsapiens.checkpoints import describe, load_checkpoint, model_metadata, write_checkpoint
from mmsapiens.checkpoints.build_model import build_encoder
from mmsapiens.checkpoints.contents import get_state_dict
from mmsapiens.checkpoints.families import fit_encoder
from mmsapiens.checkpoints.families import with_our_names as to_ours
from mmsapiens.checkpoints.families.sapiens2 import to_meta, to_transformers, write_transformers
from mmsapiens.models import Sapiens2ViT, SapiensViT
from mmsapiens.models.build import assemble
from mmsapiens.models.tasks import SAPIENS2_TASKS

ARCH = dict(embed_dims=32, num_layers=18, num_heads=4, feedforward_channels=64)
SIZE = (160, 128)
APART = str(Path(sys.prefix) / 'apart')
"""Where `make install` puts transformers, beside which stock mmpretrain cannot be imported."""
SHUFFLE = dict(upsample_channels=(12, 8, 8, 8), conv_out_channels=(8, 6))
SCALE = dict(scale_channels=(16, 12, 8), scale_hidden=(20, 12))
LAYERS = {
    'pose-308': dict(deconv_out_channels=(24, 20), conv_out_channels=(20, 16, 16)),
    'seg-29': dict(deconv_out_channels=(24, 16, 16, 12), conv_out_channels=(16, 12)),
    'normal': SHUFFLE,
    'albedo': SHUFFLE,
    'matting': SHUFFLE,
    'pointmap': dict(SHUFFLE, **SCALE),
}
WITHOUT_TWIN = ('albedo', 'pretrain_4k')
CLASSES = {
    'pose-308': 'Sapiens2ForPoseEstimation',
    'seg-29': 'Sapiens2ForSemanticSegmentation',
    'normal': 'Sapiens2ForNormalEstimation',
    'pointmap': 'Sapiens2ForPointmapEstimation',
    'matting': 'Sapiens2ForImageMatting',
}


@pytest.fixture(scope='module')
def image():
    return np.random.default_rng(0).integers(0, 255, (90, 50, 3), dtype=np.uint8)


def make(task, arch=None):
    """A small model of one task, whose attention has an effect, and its weights as in a file."""
    torch.manual_seed(0)
    layers = {task: LAYERS[task]}
    model = assemble(
        arch or ARCH, [task], img_size=SIZE, head_layers=layers, encoder=Sapiens2ViT
    ).eval()
    model.backbone.init_weights()
    with torch.no_grad():
        for block in model.backbone.blocks:
            block.attn.gamma.weight.fill_(1)
        if task == 'pointmap':
            model.heads[task].scale_final_layer[-1].bias.fill_(1.0)
    name = 'head' if task.startswith('pose') else 'decode_head'
    weights = {
        key.replace(f'heads.{task}.', f'{name}.'): value
        for key, value in model.state_dict().items()
    }
    return model, weights


def test_names_are_those_of_the_reference_and_of_transformers():
    case = Case('s2_key_map')
    for task, row in case.doc['maps'].items():
        file = case.group(f'weights/{task}')
        ours = to_ours(file)
        assert not any('periods' in key or 'conv_pose' in key for key in ours)
        assert to_meta(ours, with_periods=True).keys() == file.keys()
        if 'hf_key_from_reference' not in row:
            assert task in WITHOUT_TWIN
            with pytest.raises(ValueError, match='transformers has nothing for'):
                to_transformers(ours)
            continue
        theirs = to_transformers(ours)
        assert theirs.keys() == row['hf_key_from_reference'].keys()
        for key, (_, _, shape, total) in row['hf_key_from_reference'].items():
            assert list(theirs[key].shape) == shape
            found = theirs[key].double().sum().item()
            assert found == pytest.approx(total, rel=case.tolerance['sum_rtol'], abs=1e-9)
        again = to_ours(theirs)
        assert again.keys() == ours.keys()
        assert all(torch.equal(again[key], ours[key]) for key in ours)


@pytest.mark.parametrize('task', SAPIENS2_TASKS)
def test_files_of_all_names_build_the_same_model(task, tmp_path, image):
    model, weights = make(task)
    model.use_rule(model.rule)
    expected = model([image])[task][0]
    files = {
        'ours': (weights, {}),
        'meta': (to_meta(weights, with_periods=True), {}),
        'bare_meta': (to_meta(weights), {}),
    }
    if task != 'albedo':
        files['transformers'] = to_transformers(weights), {}
    for name, (content, meta) in files.items():
        path = write_checkpoint(content, tmp_path / f'{name}.safetensors', meta)
        info = describe(path)
        assert (info.family, info.arch) == ('sapiens2', ARCH)
        assert info.facts.field == SAPIENS2_TASKS[task].field or info.layout == 'pose'
        again = build_model(None, task, checkpoint=path, img_size=SIZE)
        torch.testing.assert_close(again([image])[task][0], expected, equal_nan=True)
    fresh = Sapiens2ViT(ARCH)
    assert load_checkpoint(fresh, path).initialized == []
    stated = dict(mmsapiens=model_metadata(again))
    path = write_checkpoint(again.state_dict(), tmp_path / 'several.pth', stated)
    again = build_model(None, task, checkpoint=path)
    assert again.rule.size_hw == SIZE
    torch.testing.assert_close(again([image])[task][0], expected, equal_nan=True)


def test_wrappers_and_bare_encoders(tmp_path):
    encoder = Sapiens2ViT(dict(ARCH, num_tokenizer_layers=1))
    bare = encoder.state_dict()
    for wrapped in (
        bare,
        dict(state_dict=bare),
        dict(model={f'module.{k}': v for k, v in bare.items()}),
        dict(teacher={f'backbone.{k}': v for k, v in bare.items()}),
    ):
        path = tmp_path / 'file.pth'
        torch.save(wrapped, path)
        info = describe(path)
        assert info.layout == 'encoder' and info.arch == encoder.arch
        built, rule = build_encoder(path)
        assert rule.size_hw == (4096, 3072)
        assert torch.equal(built.tokenizer.w_cls, encoder.tokenizer.w_cls)
    assert get_state_dict(wrapped).keys() == {f'backbone.{key}' for key in bare}


def meta_file(**changes):
    weights = to_meta(make('seg-29')[1], with_periods=True)
    for key, value in changes.items():
        weights[key.replace('__', '.')] = value
    return weights


BAD = {
    'another rotation': (
        lambda: meta_file(backbone__rope_embed__periods=torch.tensor([1.0, 100.0])),
        lambda: make('seg-29')[0],
        'trained with another rotation',
    ),
    'heads': (
        lambda: meta_file(),
        lambda: make('seg-29', dict(ARCH, num_heads=8))[0],
        '`num_heads` must be that of the checkpoint, 4, but got 8',
    ),
    'size': (
        lambda: meta_file(),
        lambda: make('seg-29', dict(ARCH, num_layers=2))[0],
        'width 32 with 18 layers, but the model has an encoder of width 32 with 2',
    ),
    'keys shared in another way': (
        lambda: meta_file(
            **{
                f'backbone__blocks__9__attn__{k}__{part}': torch.zeros(
                    (32, 32)[: 1 + (part[0] == 'w')]
                )
                for k in ('wk', 'wv')
                for part in ('weight', 'bias')
            }
        ),
        lambda: make('seg-29')[0],
        'share keys among heads in another way',
    ),
    'tokenizer': (
        lambda: to_meta(make('seg-29')[1]),
        lambda: make('seg-29', dict(ARCH, num_tokenizer_layers=1))[0],
        '`num_tokenizer_layers` must be that of the checkpoint, None, but got 1',
    ),
    'first generation in the second': (
        lambda: SapiensViT('tiny', (64, 48)).state_dict(),
        lambda: make('seg-29')[0],
        "family 'sapiens', but the model has one of 'sapiens2'",
    ),
    'second generation in the first': (
        lambda: meta_file(),
        lambda: assemble('tiny', ['seg-28'], img_size=(64, 48)),
        "family 'sapiens2', but the model has one of 'sapiens'",
    ),
}


@pytest.mark.parametrize('what', BAD)
def test_what_would_be_silently_wrong_is_refused(what, tmp_path):
    file, model, words = BAD[what]
    path = tmp_path / 'file.pth'
    torch.save(file(), path)
    model = model()
    if 'num_tokenizer_layers' in model.backbone.arch:
        assert model.backbone.token_grid == (2, 2)
    with pytest.raises(ValueError, match=re.escape(words)):
        load_checkpoint(single(model), path)


def single(model):
    """A model of one task as hosts have it."""
    (name,) = model.heads
    whole = torch.nn.Module()
    whole.backbone = model.backbone
    setattr(whole, 'head' if name.startswith('pose') else 'decode_head', model.heads[name])
    return whole


def test_28_classes_are_not_29(tmp_path):
    weights = to_meta(make('seg-29')[1])
    for kind in ('weight', 'bias'):
        weights[f'decode_head.conv_seg.{kind}'] = weights[f'decode_head.conv_seg.{kind}'][:28]
    path = write_checkpoint(weights, tmp_path / 'old.pth')
    with pytest.raises(ValueError, match='has 28 output channels, which does not fit'):
        build_model(None, 'seg-29', checkpoint=path)
    with pytest.raises(ValueError, match='trained for 28 output channels, but the model has 29'):
        load_checkpoint(single(make('seg-29')[0]), path)


def test_a_head_is_for_what_its_name_says(tmp_path):
    path = write_checkpoint(to_meta(make('normal')[1]), tmp_path / 'normal.pth')
    with pytest.raises(ValueError, match='is for normal_map, but it was to be used for albedo_map'):
        build_model(None, 'albedo', checkpoint=path)
    with pytest.raises(ValueError, match='has a head for normal_map, but the model has one for'):
        load_checkpoint(single(make('albedo')[0]), path)


def test_init_cfg_takes_all_names_and_no_other_family():
    encoder = Sapiens2ViT(ARCH)
    theirs = dict(to_transformers(encoder.state_dict()))
    fit_encoder(encoder, theirs)
    assert theirs.keys() == encoder.state_dict().keys()
    old = SapiensViT('tiny', (64, 48)).state_dict()
    with pytest.raises(ValueError, match="family 'sapiens', but the model has one of 'sapiens2'"):
        fit_encoder(encoder, old)
    half = to_transformers(encoder.state_dict())
    del half['model.layer.3.mlp.up_proj.bias']
    with pytest.raises(ValueError, match='but lacks `model.layer.3.mlp.up_proj.bias`'):
        to_ours(half)


@pytest.mark.parametrize('original', [True, False], ids=['names of Meta', 'own names'])
@pytest.mark.parametrize('task', CLASSES)
def test_models_of_transformers(task, original, tmp_path):
    """Folders of `save_pretrained` open as they are; files of ours open there."""
    if APART not in sys.path:
        sys.path.append(APART)
    transformers = pytest.importorskip('transformers', reason='`make install` puts it apart')
    torch.manual_seed(0)
    head = dict(LAYERS[task])
    for ours, theirs in {
        'deconv_out_channels': 'upsample_out_channels',
        'upsample_channels': 'upsample_out_channels',
        'scale_channels': 'scale_conv_out_channels',
        'scale_hidden': 'scale_final_hidden_sizes',
    }.items():
        if ours in head:
            head[theirs] = list(head.pop(ours))
    head['conv_out_channels'] = list(head['conv_out_channels'])
    if 'upsample_channels' in LAYERS[task]:
        head.update(
            use_pixel_shuffle=True,
            upsample_kernel_sizes=[3] * len(head['upsample_out_channels']),
            conv_kernel_sizes=[3] * len(head['conv_out_channels']),
        )
    config = transformers.Sapiens2Config(
        hidden_size=ARCH['embed_dims'],
        num_hidden_layers=ARCH['num_layers'],
        num_attention_heads=ARCH['num_heads'],
        num_key_value_attention_heads=ARCH['num_heads'] // 2,
        intermediate_size=ARCH['feedforward_channels'],
        image_size=list(SIZE),
        num_labels=SAPIENS2_TASKS[task].channels,
        head_config=head,
    )
    theirs = getattr(transformers, CLASSES[task])(config).eval()
    theirs.save_pretrained(tmp_path / 'folder', save_original_format=original)
    ours = build_model(None, task, checkpoint=tmp_path / 'folder')
    assert ours.rule.size_hw == SIZE
    pixels = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        found = theirs(pixels)
        feats = ours.backbone(pixels)
        module = ours.heads[task]
        if task == 'pointmap':
            maps, scale = module.both(feats)
            torch.testing.assert_close(scale, found.scales, atol=1e-5, rtol=1e-5)
        else:
            maps = module(feats)
    parts = [each for each in found.values() if each.shape[2:] == maps.shape[2:]]
    if task == 'matting':
        parts = [found.foregrounds, found.alphas]
    torch.testing.assert_close(maps, torch.cat(parts, dim=1), atol=1e-5, rtol=1e-5)
    name = 'head' if task.startswith('pose') else 'decode_head'
    weights = {
        key.replace(f'heads.{task}.', f'{name}.'): value for key, value in ours.state_dict().items()
    }
    missing, unexpected = theirs.load_state_dict(to_transformers(weights), strict=False)
    assert not missing and not unexpected
    write_transformers(ours, tmp_path / 'ours')
    again, info = getattr(transformers, CLASSES[task]).from_pretrained(
        tmp_path / 'ours', output_loading_info=True
    )
    assert not any(info.values())
    with torch.no_grad():
        for key, value in again.eval()(pixels).items():
            torch.testing.assert_close(value, found[key], atol=1e-5, rtol=1e-5)
    with pytest.raises(FileExistsError):
        write_transformers(ours, tmp_path / 'ours')
