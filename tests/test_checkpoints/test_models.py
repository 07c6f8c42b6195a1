"""A ready model equals building, `load_checkpoint` and `eval()`."""

import pytest
import torch
from checkpoints import LAYOUTS, make_state_dict, randomize
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from parity import ROOT
from torch import nn

from mmsapiens.checkpoints import load_checkpoint, without_parameter_memory, write_checkpoint
from mmsapiens.engine.build import build_without_weights, load_model
from mmsapiens.models import SapiensViT

TINY = [
    str(path.relative_to(ROOT)) for path in sorted((ROOT / 'configs').rglob('sapiens-tiny*.py'))
]
ENCODER = dict(type='mmsapiens.SapiensViT', img_size=(64, 48))


def slow_model(config, checkpoint):
    cfg = Config.fromfile(ROOT / config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    load_checkpoint(model, checkpoint)
    return model.eval()


def assert_same(fast, slow):
    for kind in ('named_parameters', 'named_buffers'):
        ours, theirs = (dict(getattr(m, kind)()) for m in (fast, slow))
        assert list(ours) == list(theirs)
        for name, tensor in theirs.items():
            assert ours[name].dtype == tensor.dtype, name
            assert ours[name].device == tensor.device, name
            assert ours[name].requires_grad == tensor.requires_grad, name
            assert torch.equal(ours[name], tensor), name
    assert not any(module.training for module in fast.modules())


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('config', TINY)
def test_equals_the_slow_way_for_every_task(config, suffix, tmp_path):
    model = build_without_weights(ROOT / config)
    shapes = {k: v.to('meta') for k, v in model.state_dict().items()}
    path = write_checkpoint(randomize(shapes), tmp_path / f'w{suffix}')
    fast = load_model(ROOT / config, path)
    assert_same(fast, slow_model(config, path))
    assert fast.load_report.initialized == []
    assert set(fast.load_report.loaded) == set(shapes)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_encoder_of_every_layout(layout, suffix, tmp_path, tiny_arch):
    weights = make_state_dict(layout, tiny_arch)
    path = write_checkpoint(weights, tmp_path / f'weights{suffix}')
    fast = load_model(dict(ENCODER, arch=tiny_arch), path)
    slow = SapiensViT(tiny_arch, (64, 48))
    report = load_checkpoint(slow, path)
    assert_same(fast, slow.eval())
    assert fast.load_report == report
    image = torch.rand(1, 3, 64, 48)
    assert torch.equal(fast(image)[0], slow(image)[0])


def test_old_format_of_torch_save(tmp_path, tiny_arch):
    weights = make_state_dict('encoder', tiny_arch)
    path = tmp_path / 'old.pth'
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    model = load_model(dict(ENCODER, arch=tiny_arch), path)
    assert torch.equal(model.ln1.weight, weights['ln1.weight'])


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_are_mapped_and_the_file_is_safe(suffix, tmp_path, tiny_arch):
    weights = make_state_dict('seg', tiny_arch)
    path = write_checkpoint(weights, tmp_path / f'weights{suffix}')
    before = path.read_bytes()
    model = load_model(dict(ENCODER, arch=tiny_arch), path)
    with open('/proc/self/maps') as maps:
        assert any(str(path) in line for line in maps)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize('in_file', [torch.float32, torch.bfloat16])
def test_dtype_is_that_of_the_model_or_the_wanted_one(in_file, tmp_path, tiny_arch):
    weights = make_state_dict('encoder', tiny_arch)
    weights = {key: value.to(in_file) for key, value in weights.items()}
    path = write_checkpoint(weights, tmp_path / 'encoder.safetensors')
    config = dict(ENCODER, arch=tiny_arch)
    assert load_model(config, path).pos_embed.dtype == torch.float32
    half = load_model(config, path, dtype=torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert half(torch.rand(1, 3, 64, 48))[0].dtype == torch.bfloat16


def test_buffers_keep_their_values_and_dtype(tmp_path):
    config = ROOT / next(name for name in TINY if 'goliath308' in name)
    model = build_without_weights(config)
    assert all(p.is_meta for p in model.parameters())
    path = write_checkpoint(randomize(model.state_dict()), tmp_path / 'w.safetensors')
    model = load_model(config, path, dtype=torch.bfloat16)
    mean = model.data_preprocessor.mean
    assert mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])


def test_a_checkpoint_without_the_head_is_refused(tmp_path, tiny_arch):
    config = Config.fromfile(ROOT / next(name for name in TINY if 'goliath308' in name))
    config.model.backbone.arch = tiny_arch
    config.model.head.in_channels = tiny_arch['embed_dims']
    path = write_checkpoint(make_state_dict('encoder', tiny_arch), tmp_path / 'encoder.pth')
    with pytest.raises(ValueError, match=r'lacks \d+ parameters.*head\.'):
        load_model(config, path)


def test_wrong_files_are_refused_as_by_load_checkpoint(tmp_path, tiny_arch):
    config = dict(ENCODER, arch=tiny_arch)
    weights = make_state_dict('encoder', tiny_arch)
    del weights['layers.1.ln1.bias']
    path = write_checkpoint(weights, tmp_path / 'gap.safetensors')
    with pytest.raises(ValueError, match='is incomplete, it lacks 1 param'):
        load_model(config, path)
    other = write_checkpoint(
        make_state_dict('encoder', dict(tiny_arch, num_layers=3)), tmp_path / 'other.safetensors'
    )
    with pytest.raises(ValueError, match='Set `arch` of the backbone'):
        load_model(config, other)
    with pytest.raises(FileNotFoundError, match='none.pth'):
        load_model(config, tmp_path / 'none.pth')


def test_config_without_a_model_is_refused(tmp_path):
    with pytest.raises(KeyError, match='must have a `model`'):
        build_without_weights(dict(train_cfg={}))


def test_modules_built_afterwards_have_memory():
    with without_parameter_memory():
        inside = nn.BatchNorm1d(3)
    assert inside.weight.is_meta and not inside.running_var.is_meta
    assert not nn.Linear(2, 2).weight.is_meta
