import pytest
import torch
from mmengine.model import BaseModule
from mmengine.optim import build_optim_wrapper
from parity import Case, sapiens_vit_cfg
from torch import nn

from mmsapiens.engine.optim.layer_decay import without_wrappers
from mmsapiens.models import SapiensViT
from mmsapiens.registry import MODELS


class Model(BaseModule):
    """A backbone, and further parameters of given names and shapes."""

    def __init__(self, backbone, shapes):
        super().__init__()
        for name, shape in shapes.items():
            *path, last = name.split('.')
            module = self
            for part in path:
                if not hasattr(module, part):
                    module.add_module(part, nn.Module())
                module = getattr(module, part)
            module.register_parameter(last, nn.Parameter(torch.zeros(shape)))
        self.backbone = backbone


def build(case, **backbone_settings):
    cfg = sapiens_vit_cfg(case.config['model']['backbone'])
    cfg.update(backbone_settings)
    others = {
        name: entry['shape']
        for name, entry in case.doc['params'].items()
        if not name.startswith('backbone.')
    }
    return Model(MODELS.build(cfg), others)


def constructed(model, optim_wrapper):
    """Parameter name -> its group."""
    optim_wrapper = build_optim_wrapper(model, optim_wrapper)
    names = {param: name for name, param in model.named_parameters()}
    groups = optim_wrapper.optimizer.param_groups
    return groups, {names[param]: group for group in groups for param in group['params']}


def our_cfg(case):
    reference = case.config['optim_wrapper']
    rate = reference['paramwise_cfg']['layer_decay_rate']
    return dict(
        optimizer=dict(reference['optimizer']),
        constructor='mmsapiens.ViTLayerDecayConstructor',
        paramwise_cfg=dict(layer_decay_rate=rate),
    )


@pytest.mark.parametrize('name', ['layer_decay_pose', 'layer_decay_dense'])
def test_rates_and_decay_equal_the_reference(name):
    case = Case(name)
    groups, by_name = constructed(build(case), our_cfg(case))
    assert set(by_name) == set(case.doc['params'])
    rtol = case.tolerance['rtol']
    for key, expected in case.doc['params'].items():
        group = by_name[key]
        assert group['group_name'] == expected['group'], key
        assert group['lr'] == pytest.approx(expected['lr'], rel=rtol), key
        assert group['lr_scale'] == pytest.approx(expected['lr_mult'], rel=rtol), key
        assert group['weight_decay'] == expected['weight_decay'], key
    sizes = {g['group_name']: len(g['params']) for g in groups}
    assert sizes == {g['group']: g['num_params'] for g in case.doc['groups_in_order']}


def test_class_token_counts_as_an_embedding():
    case = Case('layer_decay_pose')
    _, by_name = constructed(build(case, with_cls_token=True), our_cfg(case))
    for key, expected in case.doc['params_of_a_model_with_class_token'].items():
        assert by_name[key]['group_name'] == expected['group']
        assert by_name[key]['lr'] == pytest.approx(expected['lr'])
        assert by_name[key]['weight_decay'] == expected['weight_decay']


def test_frozen_parameters_are_left_out():
    case = Case('layer_decay_pose')
    _, by_name = constructed(build(case, frozen_stages=1), our_cfg(case))
    assert 'backbone.layers.0.ln1.weight' not in by_name
    assert 'backbone.layers.1.ln1.weight' in by_name


@pytest.mark.parametrize(
    'name, depth',
    [
        ('pos_embed', 0),
        ('patch_embed.projection.bias', 0),
        ('layers.0.ln1.weight', 1),
        ('layers.11.attn.qkv.weight', 12),
        ('ln1.weight', 13),
    ],
)
def test_encoder_knows_the_layer_of_a_parameter(name, depth):
    arch = dict(embed_dims=8, num_layers=12, num_heads=1, feedforward_channels=8)
    encoder = SapiensViT(arch, 16)
    assert name in dict(encoder.named_parameters())
    assert encoder.layer_of(name) == depth


class ToyEncoder(nn.Module):
    """A second family: its blocks are `blocks.N`, its embedding is `stem`."""

    num_layers = 3

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 2)
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.norm = nn.LayerNorm(4)

    def layer_of(self, name):
        part, place, *_ = name.split('.')
        return {'stem': 0, 'norm': 4}.get(part) if part != 'blocks' else int(place) + 1


def test_another_family_gets_its_rates_from_its_encoder():
    MODELS.register_module('ToyEncoder', module=ToyEncoder, force=True)
    try:
        encoder = MODELS.build(dict(type='mmsapiens.ToyEncoder'))
    finally:
        MODELS.module_dict.pop('ToyEncoder')
    model = Model(encoder, {'head.weight': [3, 2]})
    _, by_name = constructed(model, cfg_with(layer_decay_rate=0.5))
    expected = {
        'backbone.stem.weight': 1 / 16,
        'backbone.blocks.0.weight': 1 / 8,
        'backbone.blocks.1.bias': 1 / 4,
        'backbone.blocks.2.weight': 1 / 2,
        'backbone.norm.weight': 1,
        'head.weight': 1,
    }
    for name, scale in expected.items():
        assert by_name[name]['lr'] == pytest.approx(1e-3 * scale), name


def test_an_encoder_without_layers_says_what_to_implement():
    class Silent(nn.Module):
        num_layers = 3

    with pytest.raises(ValueError, match=r'type Silent.*`layer_of\(name\)`'):
        build_optim_wrapper(Model(Silent(), {'head.weight': [2]}), cfg_with(layer_decay_rate=0.5))


def test_names_of_wrapped_parameters_are_cleaned():
    name = '_fsdp_wrapped_module.backbone.layers.3._fsdp_wrapped_module.ln1.w'
    assert without_wrappers(name) == 'backbone.layers.3.ln1.w'
    assert without_wrappers('backbone._orig_mod.ln1.w') == 'backbone.ln1.w'


@pytest.fixture
def tiny_model(tiny_arch):
    return Model(SapiensViT(tiny_arch, (64, 48)), {'head.weight': [3, 2]})


def cfg_with(**paramwise_cfg):
    return dict(
        optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.1),
        constructor='mmsapiens.ViTLayerDecayConstructor',
        paramwise_cfg=paramwise_cfg,
    )


def test_number_of_layers_may_be_given(tiny_model):
    cfg = cfg_with(layer_decay_rate=0.5, num_layers=2)
    _, by_name = constructed(tiny_model, cfg)
    assert by_name['backbone.pos_embed']['lr'] == pytest.approx(1.25e-4)


@pytest.mark.parametrize(
    'paramwise_cfg, message',
    [
        (dict(layer_decay_rate=0.5, num_layers=4), 'the backbone, 2, but got 4'),
        (dict(layer_decay_rate=0.5, custom_keys={}), 'custom_keys'),
        (dict(layer_decay_rate=0.5, decay_multi=0), 'decay_multi'),
        (dict(num_layers=2), r'`layer_decay_rate` must be in \(0, 1\]'),
        (dict(layer_decay_rate=1.5), r'in \(0, 1\], but got 1.5'),
    ],
)
def test_bad_settings_are_refused(tiny_model, paramwise_cfg, message):
    with pytest.raises(ValueError, match=message):
        build_optim_wrapper(tiny_model, cfg_with(**paramwise_cfg))


def test_missing_weight_decay_is_refused(tiny_model):
    cfg = cfg_with(layer_decay_rate=0.5)
    del cfg['optimizer']['weight_decay']
    with pytest.raises(ValueError, match='`optimizer` must give `weight_decay`'):
        build_optim_wrapper(tiny_model, cfg)


def test_model_without_layers_is_refused():
    model = Model(nn.Identity(), {'head.weight': [2]})
    with pytest.raises(ValueError, match='backbone of type Identity'):
        build_optim_wrapper(model, cfg_with(layer_decay_rate=0.5))
