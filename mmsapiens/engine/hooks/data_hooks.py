"""Hooks about data: a look at the datasets, the place in them, random numbers of a step."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn

from ...registry import HOOKS

KEY = 'data_state'


def leaf_datasets(dataset: Any) -> list[Any]:
    """The datasets inside wrappers, which read files themselves."""
    if hasattr(dataset, 'datasets'):
        return [leaf for part in dataset.datasets for leaf in leaf_datasets(part)]
    if hasattr(dataset, 'dataset'):
        return leaf_datasets(dataset.dataset)
    return [dataset]


class DataCheckHook(Hook):
    """Checks each dataset once, in training also that of validation; subclasses say how."""

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._checked: set[str] = set()

    def check(self, runner: Runner, mode: str, model: nn.Module) -> None:
        """Refuse data of ``mode`` 'train', 'val' or 'test' that the model must not see."""
        raise NotImplementedError

    def before_train(self, runner: Runner) -> None:
        self._check_once(runner, 'train')
        if runner.val_loop is not None:
            self._check_once(runner, 'val')

    def before_val(self, runner: Runner) -> None:
        self._check_once(runner, 'val')

    def before_test(self, runner: Runner) -> None:
        self._check_once(runner, 'test')

    def _check_once(self, runner: Runner, mode: str) -> None:
        if mode not in self._checked:
            self._checked.add(mode)
            model = runner.model
            self.check(runner, mode, model.module if is_model_wrapper(model) else model)


@HOOKS.register_module()
class ResumeDataHook(Hook):
    """Resumes in the middle of an epoch, with the next sample.

    Counts the steps that the loop has trained, not the samples that workers have drawn ahead. The
    training data need a ``mmsapiens.ResumableBatchSampler`` of a ``ResumableSampler``. With a
    ``ResumableEpochTrainLoop`` or ``ResumableIterTrainLoop``, checkpoints can be saved after any
    step.
    """

    # After DistSamplerSeedHook, which sets the epoch, and before CheckpointHook, which saves the
    # state.
    priority = 'LOW'

    def __init__(self) -> None:
        self.epoch = 0
        self.steps = 0
        self.loaded: dict[str, Any] | None = None

    def before_train(self, runner: Runner) -> None:
        sampler = runner.train_loop.dataloader.batch_sampler
        if not hasattr(sampler, 'state_after'):
            raise TypeError(
                "ResumeDataHook needs `batch_sampler=dict(type='mmsapiens.ResumableBatchSampler')` "
                f'and its sampler in `train_dataloader`, but got a {type(sampler).__name__}'
            )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        if KEY not in checkpoint:
            raise KeyError(
                f'the checkpoint has no {KEY!r}: it was saved without ResumeDataHook. Use '
                '`load_from` without `resume`, or remove the hook.'
            )
        self.loaded = checkpoint[KEY]

    def before_train_epoch(self, runner: Runner) -> None:
        sampler = runner.train_loop.dataloader.batch_sampler.sampler
        if self.loaded is not None:
            sampler.load_state_dict(self.loaded)
            self.loaded = None
            if isinstance(runner.train_loop, EpochBasedTrainLoop):
                # A checkpoint at the end of an epoch belongs to the next.
                sampler.set_epoch(runner.epoch)
        self.epoch, self.steps = sampler.epoch, 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        epoch = runner.train_loop.dataloader.batch_sampler.sampler.epoch
        if epoch != self.epoch:
            self.epoch, self.steps = epoch, 0
        self.steps += 1

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint[KEY] = runner.train_loop.dataloader.batch_sampler.state_after(self.steps)


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds Python, numpy and torch in front of every training step.

    The seed comes from the runner's seed, the rank and the step, so that a resumed run draws what
    the uninterrupted one would have drawn, whatever was drawn in between.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        parts = [abs(int(runner.seed or 0)), get_rank(), runner.iter]
        words = np.random.SeedSequence(parts).generate_state(4)
        random.seed(int(words[0]))
        np.random.seed(int(words[1]))
        torch.manual_seed((int(words[2]) << 31) | (int(words[3]) >> 1))
