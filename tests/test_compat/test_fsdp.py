"""Resuming with ``FSDPStrategy``."""

import json
import os
import subprocess
import sys
from textwrap import dedent

import pytest

# Trains an epoch, then resumes for a second one: without the remedy, with it, and with our
# optimizer wrapper.
SCRIPT = dedent(
    """
    import json, os, sys
    import mmsapiens
    import torch
    from mmengine._strategy import fsdp
    from mmengine.config import Config
    from mmengine.model import BaseModel
    from mmengine.registry import DATASETS, MODELS
    from mmengine.runner import FlexibleRunner
    from mmsapiens.engine import launch
    from torch import nn
    from torch.distributed.fsdp import FullyShardedDataParallel

    @MODELS.register_module()
    class Line(BaseModel):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, inputs, mode):
            return dict(loss=(self.linear(inputs) - inputs).square().mean())

    @DATASETS.register_module()
    class Points:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return dict(inputs=torch.ones(4))

    def build(name, epochs, resume=None, attempt='ours'):
        cfg = Config(dict(
            model=dict(type='Line'),
            work_dir=os.path.join(sys.argv[1], name),
            strategy=dict(
                type='FSDPStrategy',
                state_dict_cfg='full',
                model_wrapper=dict(type='MMFullyShardedDataParallel',
                                   use_orig_params=True)),
            train_dataloader=dict(
                dataset=dict(type='Points'), batch_size=1,
                sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='default_collate')),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(
                type=name, optimizer=dict(type='AdamW', lr=0.01)),
            default_hooks=dict(checkpoint=dict(type='CheckpointHook')),
            launcher='pytorch', default_scope='mmengine', env_cfg=dict(),
            randomness=dict(seed=0),
            experiment_name=f'{name}-{epochs}-{attempt}',
            load_from=resume, resume=resume is not None))
        launch.prepare_cpu_processes(cfg)
        return launch.build_runner(cfg)

    def report(runner):
        losses, _ = runner.message_hub.get_scalar('train/loss').data
        return dict(iter=runner.iter, losses=[float(x) for x in losses])

    results = {}
    ours = fsdp.FSDP
    with launch.distributed_run(Config(dict(launcher='pytorch'))):
        for name in ('OptimWrapper', 'mmsapiens.AutocastOptimWrapper'):
            first = build(name, 1)
            assert isinstance(first, FlexibleRunner)
            first.train()
            path = os.path.join(first.work_dir, 'epoch_1.pth')
            fsdp.FSDP = FullyShardedDataParallel  # stock
            try:
                build(name, 2, path, 'stock').train()
                results['stock ' + name] = 'done'
            except Exception as error:
                results['stock ' + name] = type(error).__name__
            fsdp.FSDP = ours
            second = build(name, 2, path)
            second.train()
            state = second.optim_wrapper.optimizer.state
            results[name] = dict(
                report(second),
                steps=sorted({int(s['step']) for s in state.values() if s}))
    if os.environ['RANK'] == '0':
        with open(os.path.join(sys.argv[1], 'results.json'), 'w') as file:
            json.dump(results, file)
    """
)


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """What two gloo processes report."""
    folder = tmp_path_factory.mktemp('fsdp')
    script = folder / 'train.py'
    script.write_text(SCRIPT)
    launcher = ['-m', 'torch.distributed.run', '--standalone']
    child = subprocess.run(
        [sys.executable, '-W', 'ignore', *launcher, '--nproc_per_node', '2']
        + [str(script), str(folder)],
        text=True,
        capture_output=True,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
    )
    assert child.returncode == 0, child.stderr[-5000:]
    return json.loads((folder / 'results.json').read_text())


WRAPPERS = pytest.mark.parametrize('wrapper', ['OptimWrapper', 'mmsapiens.AutocastOptimWrapper'])


@WRAPPERS
def test_stock_strategy_cannot_resume(results, wrapper):
    assert results[f'stock {wrapper}'] == 'TypeError'


@WRAPPERS
def test_two_processes_resume(results, wrapper):
    run = results[wrapper]
    assert run['iter'] == 4  # four points, two processes, two epochs
    assert run['steps'] == [4]  # of AdamW: its state was loaded
    assert len(run['losses']) == 4
    pairs = zip(run['losses'], run['losses'][1:])
    assert all(after < before for before, after in pairs)
