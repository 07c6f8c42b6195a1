"""A strategy whose checkpoints go through the hooks of an ordinary runner."""

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS

from mmsapiens.core import atomic_files as whole_files
from mmsapiens.engine import launch


@MODELS.register_module()
class StrategyModel(BaseModel):
    """Has one weight."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.linear(inputs).square().sum())


@DATASETS.register_module()
class StrategyData:
    """Two equal samples."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return dict(inputs=torch.ones(1))


@pytest.fixture
def build(tmp_path):
    """A runner that resumes by itself."""

    def runner(epochs, **checkpoint):
        cfg = Config(
            dict(
                runner_type='mmsapiens.StrategyRunner',
                default_scope='mmengine',
                model=dict(type='StrategyModel'),
                work_dir=str(tmp_path / 'work'),
                strategy=dict(type='SingleDeviceStrategy'),
                train_dataloader=dict(
                    batch_size=1,
                    dataset=dict(type='StrategyData'),
                    sampler=dict(type='DefaultSampler', shuffle=False),
                    collate_fn=dict(type='default_collate'),
                ),
                train_cfg=dict(by_epoch=True, max_epochs=epochs),
                optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
                default_hooks=dict(
                    checkpoint=dict(type='mmsapiens.SafeCheckpointHook', **checkpoint)
                ),
                env_cfg=dict(),
                experiment_name=f'{tmp_path.name}-{epochs}',
                resume=True,
            )
        )
        return launch.build_runner(cfg)

    return runner


def test_resumes_from_the_newest_whole_one(build, tmp_path):
    build(3, interval=1, max_keep_ckpts=2).train()
    work = tmp_path / 'work'
    assert {path.name for path in work.glob('*.pth')} == {'epoch_2.pth', 'epoch_3.pth'}
    newest = work / 'epoch_3.pth'
    newest.write_bytes(newest.read_bytes()[:500])
    (work / '.epoch_4.pth.partial').mkdir()
    (work / 'last_checkpoint').write_text('')
    runner = build(4, interval=1)
    runner.train()
    assert runner.iter == 8
    assert not list(work.glob('.*.partial'))
    meta = torch.load(newest, weights_only=False)['meta']
    assert (meta['epoch'], meta['iter']) == (3, 6)


def test_kill_while_moving_leaves_no_half(build, tmp_path, monkeypatch):
    class Killed(Exception):
        """Stands for a signal."""

    def die(*args):
        raise Killed

    monkeypatch.setattr(whole_files.os, 'replace', die)
    with pytest.raises(Killed):
        build(1, interval=1).train()
    names = {path.name for path in (tmp_path / 'work').iterdir()}
    assert '.epoch_1.pth.partial' in names
    assert 'epoch_1.pth' not in names


def test_other_backends_are_left_to_the_strategy(build, tmp_path):
    build(1, interval=1, backend_args=dict(backend='local')).train()
    assert (tmp_path / 'work/epoch_1.pth').is_file()
