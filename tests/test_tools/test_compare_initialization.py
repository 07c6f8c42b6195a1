"""The comparison of initializations; its trainings are replaced."""

import importlib.util
from types import SimpleNamespace

import pytest
from parity import ROOT

from mmsapiens.engine import launch


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location(
        'compare', ROOT / 'tools/analysis/compare_initialization.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_runs_differ_in_their_first_weights_only(tool, tmp_path, monkeypatch, capsys):
    configs = []

    def build(cfg):
        configs.append(cfg.to_dict())
        start = cfg.model.backbone.init_cfg
        value = (10 if start else 20) + cfg.randomness.seed
        return SimpleNamespace(train=lambda: None, val=lambda: dict(error=value))

    monkeypatch.setattr(launch, 'build_runner', build)
    args = ['data', '--out', tmp_path, '--encoder', 'e.safetensors']
    args += ['--steps', 50, '--fine-tune-options']
    args += ['train_dataloader.batch_size=2']
    assert tool.main(list(map(str, args))) == 0
    assert '| error | 21 (20, 21, 22) | 11 (10, 11, 12) |' in (capsys.readouterr().out)
    assert (tmp_path / 'results.json').is_file()
    for random, pretrained in zip(configs[::2], configs[1::2]):
        for cfg in (random, pretrained):
            del cfg['work_dir'], cfg['experiment_name']
            assert cfg['train_cfg']['max_iters'] == 50
            assert cfg['train_dataloader']['batch_size'] == 2
        assert random['model']['backbone'].pop('init_cfg') is None
        init = pretrained['model']['backbone'].pop('init_cfg')
        assert init == dict(type='Pretrained', checkpoint='e.safetensors')
        assert random == pretrained


def test_pretraining_sees_training_images_only(tool, tmp_path, monkeypatch):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'splits').mkdir()
    for name in 'abc':
        (tmp_path / f'images/{name}.png').touch()
    (tmp_path / 'splits/train.txt').write_text('a\nc\n')
    configs = []

    def build(cfg):
        configs.append(cfg)
        return SimpleNamespace(train=lambda: None)

    monkeypatch.setattr(launch, 'build_runner', build)
    monkeypatch.setattr(tool, 'convert_checkpoint', lambda source, target, **kwargs: (0, target))
    out = tmp_path / 'out'
    args = [str(tmp_path), '--out', str(out), '--pretrain-epochs', '7']
    assert tool.pretrain(tool.parse_args(args)) == out / 'encoder.safetensors'
    (cfg,) = configs
    listed = (out / 'images.txt').read_text().split()
    assert listed == [str(tmp_path / f'images/{name}.png') for name in 'ac']
    assert cfg.train_dataloader.dataset.ann_file == str(out / 'images.txt')
    assert cfg.train_cfg.max_epochs == 7
