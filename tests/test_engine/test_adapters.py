"""Adapters through peft, which `make install` puts apart, as it needs transformers."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_figures import write_figures
from mmengine.config import Config
from mmengine.runner import Runner
from parity import ROOT

import mmsapiens
from mmsapiens import SapiensInferencer
from mmsapiens.checkpoints import build_adapted, merge_adapters, read_checkpoint, write_checkpoint
from mmsapiens.engine.models import SapiensViT as ConfiguredViT
from mmsapiens.models import Sapiens2ViT, SapiensViT
from mmsapiens.models.adapters import (
    AdapterOptions,
    adapted_layers,
    add_adapter,
    merge_adapter,
    use_adapter,
)

APART = str(Path(sys.prefix) / 'apart')
SIZE_HW = (64, 48)
ENCODERS = {
    'sapiens': lambda: SapiensViT('sapiens_tiny', img_size=SIZE_HW),
    'sapiens2': lambda: Sapiens2ViT('sapiens2_tiny', img_size=SIZE_HW),
}
LAYERS = {'sapiens': {'attention': 2, 'mlp': 2}, 'sapiens2': {'attention': 4, 'mlp': 2}}


@pytest.fixture(scope='module', autouse=True)
def peft():
    sys.path.append(APART)
    yield pytest.importorskip('peft')
    sys.path.remove(APART)


def train_adapter(encoder, name='default', seed=0):
    """Numbers as a training would leave them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in encoder.named_parameters():
            if f'.lora_B.{name}.' in key:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)


@pytest.mark.parametrize('family', list(ENCODERS))
@pytest.mark.parametrize('targets', ['attention', 'mlp', 'attention+mlp'])
def test_linear_layers_of_all_blocks_are_wrapped(family, targets):
    encoder = ENCODERS[family]()
    count = sum(LAYERS[family][word] for word in targets.split('+')) * len(encoder.blocks)
    names = add_adapter(encoder, dict(r=2, targets=targets))
    assert len(names) == len(set(names)) == len(adapted_layers(encoder)) == count
    learning = {n for n, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert len(learning) == 2 * count and all('.lora_' in name for name in learning)


@pytest.mark.parametrize('family', list(ENCODERS))
@pytest.mark.parametrize('dora', [False, True])
def test_nothing_changes_before_training_and_merged_is_equal(family, dora):
    encoder = ENCODERS[family]().eval()
    image = torch.randn(1, 3, *SIZE_HW)
    with torch.no_grad():
        before = encoder(image)[-1]
        names = list(encoder.state_dict())
        add_adapter(encoder, dict(r=3, alpha=6, dora=dora))
        torch.testing.assert_close(encoder(image)[-1], before, rtol=0, atol=5e-6)
        train_adapter(encoder)
        trained = encoder(image)[-1]
        use_adapter(encoder, None)
        torch.testing.assert_close(encoder(image)[-1], before, rtol=0, atol=5e-6)
        use_adapter(encoder, 'default')
        merge_adapter(encoder)
        torch.testing.assert_close(encoder(image)[-1], trained, rtol=1e-5, atol=1e-5)
    assert (trained - before).abs().max() > 0.01
    assert list(encoder.state_dict()) == names and not adapted_layers(encoder)


@pytest.fixture(scope='module')
def trained(tmp_path_factory, peft):
    """A folder with the base, and a run of depth with an adapter on it."""
    folder = tmp_path_factory.mktemp('adapter')
    torch.manual_seed(0)
    base = mmsapiens.build_model('sapiens-tiny', 'depth', img_size=SIZE_HW).backbone
    write_checkpoint(base.state_dict(), folder / 'base.pth')
    for split in ('train', 'val'):
        write_figures(folder / 'data' / split, 4, SIZE_HW)
    runner = Runner.from_cfg(make_config(folder, 'run', 2))
    runner.train()
    return folder, runner


def make_config(folder, name, epochs):
    cfg = Config.fromfile(ROOT / 'configs/dense/depth/sapiens-tiny_2xb4-300e_depth-256x192.py')
    text = cfg.pretty_text.replace("'data/humans/", f"'{folder}/data/")
    text = text.replace('(192, 256)', '(48, 64)').replace('(256, 192)', '(64, 48)')
    text = text.replace('192,\n    256,', '48,\n 64,').replace('256,\n    192,', '64,\n 48,')
    cfg = Config.fromstring(text, '.py')
    # Without chance, so that a resumed run can be compared.
    steps = cfg.train_dataloader.dataset.pipeline
    cfg.train_dataloader.dataset.pipeline = [
        step for step in steps if not step['type'].rpartition('.')[2].startswith('Random')
    ]
    init = dict(type='Pretrained', checkpoint=str(folder / 'base.pth'))
    cfg.model.backbone.update(img_size=SIZE_HW, adapter=dict(r=4), init_cfg=init)
    cfg.merge_from_dict(
        dict(
            model=dict(data_preprocessor=dict(size=SIZE_HW)),
            work_dir=str(folder / name),
            train_cfg=dict(max_epochs=epochs, val_interval=100),
            default_hooks=dict(checkpoint=dict(interval=1, save_best=None)),
            log_level='ERROR',
        )
    )
    cfg.param_scheduler = None
    cfg.custom_hooks.append(dict(type='mmsapiens.StepSeedHook'))  # of dropout
    return cfg


def encoder_of(path):
    weights = read_checkpoint(path)['state_dict']
    return {key: value for key, value in weights.items() if key.startswith('backbone.')}


def test_adapter_and_head_learn_and_the_file_holds_no_more(trained):
    folder, runner = trained
    encoder = runner.model.backbone
    base = read_checkpoint(folder / 'base.pth')['state_dict']
    for key, value in encoder.state_dict().items():
        if '.lora_' not in key:
            assert torch.equal(value, base[key.replace('.base_layer', '')])
    saved = encoder_of(folder / 'run/epoch_2.pth')
    assert len(saved) == 2 * 16 and all('.lora_' in key for key in saved)
    assert any(value.abs().max() > 0 for key, value in saved.items() if 'lora_B' in key)
    meta = read_checkpoint(folder / 'run/epoch_2.pth')['meta']['mmsapiens']
    assert meta['adapter']['r'] == 4 and meta['adapter']['base']['name'] == 'base.pth'
    rates = [group['lr'] for group in runner.optim_wrapper.optimizer.param_groups]
    assert all(rate > 0 for rate in rates)


def test_built_and_merged_models_compute_the_same(trained, tmp_path):
    folder, runner = trained
    image = torch.randn(1, 3, *SIZE_HW)
    with torch.no_grad():
        wanted = runner.model.eval()(image)
    adapter = folder / 'run/epoch_2.pth'
    model = build_adapted(folder / 'base.pth', dict(depth=adapter))
    merged = merge_adapters(folder / 'base.pth', adapter, tmp_path / 'merged.safetensors')
    whole = mmsapiens.build_model(None, 'depth', checkpoint=merged)
    for each in (model, whole):
        with torch.no_grad():
            got = each.heads['depth'](each.backbone(image))
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    SapiensInferencer(weights=merged, device='cpu')


def test_two_adapters_share_the_encoder(trained):
    folder = trained[0]
    paths = {'depth': folder / 'run/epoch_1.pth', 'depth-2': folder / 'run/epoch_2.pth'}
    model = build_adapted(folder / 'base.pth', paths)
    pixels = torch.randint(0, 256, (1, *SIZE_HW, 3), dtype=torch.uint8)
    together = model.predict(pixels)
    for task, path in paths.items():
        alone = build_adapted(folder / 'base.pth', {task: path}).predict(pixels)[task]
        torch.testing.assert_close(together[task], alone, rtol=0, atol=0)
    assert (together['depth'] - together['depth-2']).abs().max() > 0


def test_resumed_run_is_the_same_to_the_bit(trained):
    folder = trained[0]
    Runner.from_cfg(make_config(folder, 'again', 1)).train()
    cfg = make_config(folder, 'again', 2)
    cfg.resume = True
    Runner.from_cfg(cfg).train()
    once, resumed = (
        read_checkpoint(folder / name / 'epoch_2.pth')['state_dict'] for name in ('run', 'again')
    )
    first = read_checkpoint(folder / 'run/epoch_1.pth')['state_dict']
    assert once.keys() == resumed.keys()
    assert all(torch.equal(once[key], resumed[key]) for key in once)
    assert not all(torch.equal(once[key], first[key]) for key in once)


def test_another_base_is_refused(trained, tmp_path):
    folder = trained[0]
    torch.manual_seed(1)
    other = mmsapiens.build_model('sapiens-tiny', 'depth', img_size=SIZE_HW).backbone
    write_checkpoint(other.state_dict(), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='epoch_1.pth is an adapter for base.pth .* has others'):
        build_adapted(tmp_path / 'other.pth', dict(depth=folder / 'run/epoch_1.pth'))
    with pytest.raises(ValueError, match='other.pth for .depth. has no adapter'):
        build_adapted(folder / 'base.pth', dict(depth=tmp_path / 'other.pth'))
    with pytest.raises(ValueError, match='base.pth has no adapter, so it needs no base'):
        merge_adapters(folder / 'base.pth', folder / 'base.pth', tmp_path / 'merged.pth')


def test_another_task_or_another_input_is_refused(trained, tmp_path):
    folder = trained[0]
    path = folder / 'run/epoch_1.pth'
    for task in ('normal', 'albedo', 'pose-17'):
        with pytest.raises(ValueError, match=f'epoch_1.pth for {task!r} is for depth_map'):
            build_adapted(folder / 'base.pth', {task: path})
    content = read_checkpoint(path)
    content['meta']['mmsapiens']['patch_padding'] = 2
    other = write_checkpoint(content['state_dict'], tmp_path / 'padded.pth', content['meta'])
    with pytest.raises(ValueError, match="must see images alike, .*'patch_padding': 2"):
        build_adapted(folder / 'base.pth', {'depth': path, 'depth-2': other})


def test_adapter_alone_is_refused(trained):
    adapter = trained[0] / 'run/epoch_1.pth'
    for use in (
        lambda: mmsapiens.build_model(None, 'depth', checkpoint=adapter),
        lambda: SapiensInferencer(weights=adapter, device='cpu'),
    ):
        with pytest.raises(ValueError, match='adapter for base.pth, .*`mmsapiens convert FILE'):
            use()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(targets='head'), "`targets` must be 'attention', 'mlp' or"),
        (dict(targets='mlp+mlp'), '`targets` must be'),
        (dict(r=0), '`r` must be an integer of at least 1, but got 0'),
        (dict(dropout=1.0), r'`dropout` must be in \[0, 1\)'),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        AdapterOptions(**options)


def test_frozen_and_adapted_at_once_is_refused():
    with pytest.raises(ValueError, match='leave out `frozen_stages`, but it is 1'):
        ConfiguredViT('sapiens_tiny', img_size=SIZE_HW, frozen_stages=1, adapter=dict(r=2))
    encoder = ENCODERS['sapiens']()
    add_adapter(encoder, dict(r=2))
    with pytest.raises(ValueError, match="has an adapter 'default'"):
        add_adapter(encoder, dict(r=2))
    assert np.isfinite(encoder(torch.zeros(1, 3, *SIZE_HW))[-1].detach().numpy()).all()
