#!/usr/bin/env python
"""Trains the tiny masked autoencoder by DDP or FSDP, job after job.

A job's processes are forks of this one, which imports everything once. Every step takes all 12
images, and the mask of an image depends on nothing but the image: losses do not depend on the
number of processes.
"""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from kill_training import free_port
from mmengine.config import Config
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from torch.distributed.fsdp import FullyShardedDataParallel

import mmsapiens  # noqa: F401  before the hosts
from mmsapiens.engine import launch
from mmsapiens.pretrain.models import SapiensMAE
from mmsapiens.registry import MODELS

CONFIGS = Path(__file__).parents[1] / 'configs'
CONTEXT = multiprocessing.get_context('fork')
NUM_IMAGES = 12
DEFAULTS = dict(
    kind='fsdp', world=2, steps=4, interval=2, resume=None, state_dict_cfg=None, kill_in=None
)
TINY = f"""
_base_ = [
    '{CONFIGS}/pretrain/sapiens-tiny_1xb32-200e_human-images-128x128.py',
]
"""
FSDP = f"""
_base_ = [
    '{CONFIGS}/pretrain/sapiens-tiny_1xb32-200e_human-images-128x128.py',
    '{CONFIGS}/_base_/strategies/fsdp_bf16.py',
]
"""


@MODELS.register_module()
class FixedMaskMAE(SapiensMAE):
    """The mask of an image depends on its number alone."""

    def loss(self, inputs, data_samples):
        noise = [
            torch.rand(
                self.backbone.num_patches,
                generator=torch.Generator().manual_seed(sample.sample_idx),
            )
            for sample in data_samples
        ]
        return super().loss(inputs, None, noise=torch.stack(noise))


class RecordHook(Hook):
    """Collects the loss over all processes of every step."""

    def __init__(self):
        self.losses = {}

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        loss = outputs['loss'].detach().clone()
        all_reduce(loss, 'mean')
        self.losses[runner.iter + 1] = loss.item()
        if isinstance(runner.model, FullyShardedDataParallel):
            units = list(FullyShardedDataParallel.fsdp_modules(runner.model))
            assert len(units) > 3, len(units)


def make_config(args):
    """The tiny config, shrunk to full batches of 12 images."""
    text = TINY if args.kind == 'ddp' else FSDP
    cfg = Config.fromstring(text, '.py')
    cfg.model.type = 'mmsapiens.FixedMaskMAE'
    cfg.model.neck.decoder_depth = 1
    cfg.train_dataloader.update(batch_size=NUM_IMAGES // get_world_size())
    cfg.train_dataloader.dataset.data_root = args.images
    cfg.train_dataloader.dataset.pipeline = [
        dict(type='Resize', scale=(128, 128)),
        dict(type='PackInputs'),
    ]
    cfg.train_cfg = dict(by_epoch=True, max_epochs=args.steps)
    cfg.default_hooks.checkpoint.update(interval=args.interval)
    cfg.param_scheduler = [dict(type='CosineAnnealingLR', T_max=20, by_epoch=False)]
    cfg.custom_hooks = [
        dict(type='mmsapiens.CheckpointGuardHook'),
        dict(type='mmsapiens.StepSeedHook'),
        dict(type='mmsapiens.ResumeDataHook'),
        dict(type='mmsapiens.ReconstructionHook', interval=3),
    ]
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    if args.kind == 'fsdp':  # in float32, as DDP
        cfg.strategy.model_wrapper.mixed_precision = None
    elif args.kind == 'fsdp_bf16':
        cfg.optim_wrapper.dtype = 'bfloat16'
    if args.state_dict_cfg:
        cfg.strategy.type = 'FSDPStrategy'
        cfg.strategy.state_dict_cfg = args.state_dict_cfg
    cfg.launcher = 'pytorch'
    cfg.work_dir = args.work_dir
    cfg.load_from = args.resume
    cfg.experiment_name = f'{args.kind}-{Path(args.work_dir).name}'
    cfg.log_level = 'ERROR'
    return cfg


def train(args):
    """Train, and write the losses to ``losses.json``."""
    with launch.distributed_run(Config(dict(launcher='pytorch'))):
        cfg = make_config(args)  # with the group that the line before made
        launch.prepare_cpu_processes(cfg)
        runner = launch.build_runner(cfg)
        record = RecordHook()
        runner.register_hook(record)
        runner.train()
        guard = runner.optim_wrapper.guard
        result = dict(losses=record.losses, reference=guard.reference)
        if is_main_process():
            path = Path(args.work_dir) / f'losses_{get_world_size()}.json'
            path.write_text(json.dumps(result))


def run_rank(rank, port, args):
    """One process of a job."""
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(args.world),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    train(args)


def is_saving(args):
    """Whether a part of the checkpoint to be killed in is written."""
    name = f'.epoch_{args.kill_in}.pth.partial'
    return any(Path(args.work_dir, name).glob('__*'))


def run_job(args):
    """Run a job to its end, or kill it while it saves."""
    start = time.time()
    processes = [
        CONTEXT.Process(target=run_rank, args=(rank, port, args))
        for port in [free_port()]
        for rank in range(args.world)
    ]
    for process in processes:
        process.start()
    while args.kill_in and processes[0].is_alive() and not is_saving(args):
        time.sleep(0.0005)
    for process in processes:
        if args.kill_in or any(p.exitcode for p in processes):
            process.kill()
        process.join()
    if args.kill_in:
        left = sorted(path.name for path in Path(args.work_dir).iterdir())
        Path(args.work_dir, 'killed.json').write_text(json.dumps(left))
    codes = [process.exitcode for process in processes]
    print(f'{args.work_dir}: {codes}, {time.time() - start:.1f} s', flush=True)
    if any(codes) != bool(args.kill_in):
        raise SystemExit(f'{args} ended with {codes}')


def main():
    """Run the jobs of a JSON file, one after the other."""
    for job in json.loads(Path(sys.argv[1]).read_text()):
        run_job(SimpleNamespace(**{**DEFAULTS, **job}))


if __name__ == '__main__':
    main()
