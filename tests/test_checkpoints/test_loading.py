import pytest
import torch
from checkpoints import FIELDS, HEADS, LAYOUTS, make_state_dict
from mmengine.model import BaseModule
from torch import nn

from mmsapiens.checkpoints import load_checkpoint, write_checkpoint
from mmsapiens.engine import SapiensViT
from mmsapiens.models.heads import conv_layers, deconv_layers


class Model(BaseModule):
    """A backbone with a head, as pose and dense models have it."""

    def __init__(self, arch, layout, channels=8):
        super().__init__()
        self.backbone = SapiensViT(arch, (64, 48))
        prefix, last, out_channels, num_deconvs, num_convs = HEADS[layout]
        head = nn.Module()
        head.deconv_layers = deconv_layers(
            arch['embed_dims'], [channels] * num_deconvs, [4] * num_deconvs
        )
        head.conv_layers = conv_layers(channels, [channels] * num_convs, [1] * num_convs)
        setattr(head, last, nn.Conv2d(channels, out_channels, 1))
        head.out_channels = out_channels
        if layout in FIELDS:
            head.field = FIELDS[layout]
        setattr(self, prefix, head)


@pytest.fixture
def write(tmp_path):
    """Write weights to a file of a format; return its path."""

    def write_weights(weights, suffix='.pth'):
        return write_checkpoint(weights, tmp_path / f'weights{suffix}')

    return write_weights


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_bare_encoder_loads_from_every_layout(layout, suffix, write, tiny_arch):
    weights = make_state_dict(layout, tiny_arch)
    model = SapiensViT(tiny_arch, (64, 48))
    report = load_checkpoint(model, write(weights, suffix))
    prefix = '' if layout == 'encoder' else 'backbone.'
    for key, value in model.state_dict().items():
        if key != 'pos_embed':
            assert torch.equal(value, weights[prefix + key]), key
    assert report.initialized == []
    assert set(report.loaded) == set(model.state_dict())
    pretrained = layout in ('mae', 'encoder')
    assert report.resized == (['pos_embed'] if pretrained else [])
    assert any('cls_token' in key for key in report.dropped) == pretrained
    heads = [key for key in weights if 'head.' in key or 'neck.' in key]
    assert set(heads) <= set(report.dropped)


@pytest.mark.parametrize('layout', HEADS)
def test_whole_model_loads_every_parameter(layout, write, tiny_arch):
    weights = make_state_dict(layout, tiny_arch)
    model = Model(tiny_arch, layout)
    report = load_checkpoint(model, write(weights))
    for key, value in model.state_dict().items():
        assert torch.equal(value, weights[key]), key
    assert report.dropped == report.initialized == report.resized == []


@pytest.mark.parametrize('layout', ['mae', 'encoder'])
def test_pretrained_encoder_leaves_the_head_alone(layout, write, tiny_arch):
    model = Model(tiny_arch, 'seg')
    head = {k: v.clone() for k, v in model.decode_head.state_dict().items()}
    report = load_checkpoint(model, write(make_state_dict(layout, tiny_arch)))
    for key, value in model.decode_head.state_dict().items():
        assert torch.equal(value, head[key]), key
    assert set(report.initialized) == {f'decode_head.{key}' for key in head}
    assert 'backbone.pos_embed' in report.resized
    assert 'left as initialized' in str(report)


def test_report_counts_what_happened(write, tiny_arch):
    report = load_checkpoint(
        SapiensViT(tiny_arch, (64, 48)), write(make_state_dict('mae', tiny_arch))
    )
    text = str(report)
    assert 'with its MAE decoder' in text
    assert 'resized: 1 (pos_embed)' in text
    assert f'loaded {len(report.loaded)} parameters' in text


def test_pretrained_init_of_mmengine_takes_every_layout(write, tiny_arch):
    for layout in LAYOUTS:
        weights = make_state_dict(layout, tiny_arch)
        for suffix in ('.pth', '.safetensors'):
            path = write(weights, suffix)
            model = SapiensViT(
                tiny_arch, (64, 48), init_cfg=dict(type='Pretrained', checkpoint=str(path))
            )
            model.init_weights()
            key = 'layers.1.attn.qkv.weight'
            prefix = '' if layout == 'encoder' else 'backbone.'
            assert torch.equal(model.state_dict()[key], weights[prefix + key])


def test_errors_name_the_file(write, tiny_arch):
    path = write(make_state_dict('pose', tiny_arch))
    other = dict(tiny_arch, num_layers=3)
    with pytest.raises(ValueError, match=f'{path.name}.*2 layers.*3 layers'):
        load_checkpoint(SapiensViT(other, (64, 48)), path)


def test_model_without_the_encoder_is_refused(write, tiny_arch):
    path = write(make_state_dict('pose', tiny_arch))
    with pytest.raises(ValueError, match='the model has no SapiensViT'):
        load_checkpoint(nn.Linear(2, 2), path)
