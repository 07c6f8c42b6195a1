import pytest
import torch
from checkpoints import LAYOUTS, TASKS, make_state_dict

from mmsapiens.checkpoints import describe, encoder_state_dict, get_state_dict


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts_are_recognised(layout, tiny_arch):
    info = describe(make_state_dict(layout, tiny_arch), TASKS.get(layout))
    assert info.layout == layout
    assert (info.arch['embed_dims'], info.arch['num_layers']) == (32, 2)
    assert (info.arch['feedforward_channels'], info.patch_size) == (64, 16)
    assert info.has_cls_token == (layout in ('mae', 'encoder'))
    assert info.num_tokens == (17 if info.has_cls_token else 12)
    channels = dict(pose=17, seg=28, depth=1, normal=3)
    assert info.out_channels == channels.get(layout)


def test_known_sizes_are_named(tiny_arch):
    arch = dict(tiny_arch, embed_dims=192, num_layers=4, num_heads=4)
    info = describe(make_state_dict('pose', arch))
    assert 'sapiens_tiny' in str(info) and '17 keypoints' in str(info)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_encoder_is_the_same_in_every_layout(layout, tiny_arch):
    weights = make_state_dict(layout, tiny_arch)
    encoder = encoder_state_dict(weights)
    assert 'patch_embed.projection.weight' in encoder
    assert not any(
        key.startswith(('backbone.', 'neck.', 'head.', 'decode_head.')) for key in encoder
    )
    for key, value in encoder.items():
        prefix = '' if layout == 'encoder' else 'backbone.'
        assert value is weights[prefix + key]


def test_weights_are_found_in_their_wrapping():
    weight = torch.zeros(1)
    for checkpoint in (
        {'a.b': weight},
        {'state_dict': {'a.b': weight}, 'meta': {}},
        {'state_dict': {'module.a.b': weight}, 'optimizer': {}},
    ):
        assert get_state_dict(checkpoint) == {'a.b': weight}


def test_checkpoint_without_tensors_is_refused():
    with pytest.raises(ValueError, match='holds no tensors'):
        get_state_dict({'meta': {'epoch': 1}})


def test_unknown_keys_are_refused(tiny_arch):
    weights = make_state_dict('pose', tiny_arch)
    weights['backbone.layers.0.gamma_1'] = torch.zeros(32)
    with pytest.raises(ValueError, match='gamma_1'):
        describe(weights)


def test_other_models_are_refused():
    with pytest.raises(ValueError, match='no Sapiens encoder'):
        describe({'backbone.layer1.0.conv1.weight': torch.zeros(1)})
