"""A training that records each step, for tests of resuming."""

import copy
import json
import os

from mae_models import TINY_MAE
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner


class RecordHook(Hook):
    """Writes what each step did, one line per step and process."""

    def __init__(self, folder):
        self.path = f'{folder}/steps_{os.environ.get("RANK", 0)}.jsonl'

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        record = dict(
            step=runner.iter + 1,
            batch=batch_idx,
            loss=outputs['loss'].item().hex(),
            lr=runner.optim_wrapper.get_lr()['lr'][0].hex(),
            samples=[s.sample_idx for s in data_batch['data_samples']],
        )
        # The line break comes first: a kill may cut the line before.
        line = f'\n{json.dumps(record)}\n'.encode()
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(number, line)
        os.close(number)


class TinyTraining:
    """A masked autoencoder on 53 images, 8 per step of two processes.

    Checkpoints are saved in the middle of epochs.
    """

    def __init__(self, shards, work_dir, steps, interval, loop='epoch'):
        self.shards = str(shards)
        self.work_dir = str(work_dir)
        self.steps = steps
        self.interval = interval
        self.loop = loop

    def runner(self):
        """A runner that starts, or goes on if there is a checkpoint."""
        runner = Runner.from_cfg(self.config())
        runner.register_hook(RecordHook(self.work_dir))
        return runner

    def config(self):
        pipeline = [
            dict(
                type='RandomResizedCrop',
                scale=64,
                crop_ratio_range=(0.2, 1.0),
                backend='pillow',
                interpolation='bicubic',
            ),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ]
        return Config(
            dict(
                default_scope='mmpretrain',
                work_dir=self.work_dir,
                model=copy.deepcopy(TINY_MAE),
                train_dataloader=dict(
                    batch_size=4,
                    num_workers=1,
                    persistent_workers=True,
                    sampler=dict(type='mmsapiens.ResumableSampler', window=16),
                    batch_sampler=dict(type='mmsapiens.ResumableBatchSampler'),
                    collate_fn=dict(type='default_collate'),
                    dataset=dict(
                        type='mmsapiens.ShardedImageDataset',
                        data_root=self.shards,
                        pipeline=pipeline,
                    ),
                ),
                train_cfg=self.train_cfg(),
                optim_wrapper=dict(
                    optimizer=dict(type='AdamW', lr=1e-3), clip_grad=dict(max_norm=1.0)
                ),
                param_scheduler=[dict(type='CosineAnnealingLR', T_max=self.steps, by_epoch=False)],
                default_hooks=dict(
                    checkpoint=dict(
                        type='mmsapiens.SafeCheckpointHook',
                        by_epoch=False,
                        interval=self.interval,
                        max_keep_ckpts=2,
                    ),
                    logger=dict(type='LoggerHook', interval=100),
                ),
                custom_hooks=[
                    dict(type='mmsapiens.StepSeedHook'),
                    dict(type='mmsapiens.ResumeDataHook'),
                ],
                model_wrapper_cfg=dict(
                    type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None
                ),
                launcher='pytorch' if 'RANK' in os.environ else 'none',
                resume=True,
                randomness=dict(seed=0),
                log_level='WARNING',
            )
        )

    def train_cfg(self):
        if self.loop == 'iter':
            return dict(type='mmsapiens.ResumableIterTrainLoop', max_iters=self.steps)
        return dict(
            type='mmsapiens.ResumableEpochTrainLoop',
            max_epochs=self.steps // 7,  # 53 images, 8 per step
        )
