"""The place in the data, saved in checkpoints."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...registry import HOOKS

KEY = 'data_state'


@HOOKS.register_module()
class ResumeDataHook(Hook):
    """Resumes in the middle of an epoch, with the next sample.

    Counts the steps that the loop has trained, not the samples that workers have drawn ahead. The
    batch sampler of the training data must offer ``state_after(steps)``, its sampler
    ``load_state_dict`` and ``epoch``, as ``mmsapiens.ResumableBatchSampler`` does. With a
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
        """Check the data loader."""
        sampler = runner.train_loop.dataloader.batch_sampler
        if not hasattr(sampler, 'state_after'):
            raise TypeError(
                "ResumeDataHook needs `batch_sampler=dict(type='mmsapiens.ResumableBatchSampler')` "
                "and `sampler=dict(type='mmsapiens.ResumableSampler')` in `train_dataloader`, but "
                f'got a {type(sampler).__name__}'
            )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the state, if the run is resumed."""
        if not runner._resume:
            return
        if KEY not in checkpoint:
            raise KeyError(
                f'the checkpoint has no {KEY!r}: it was saved without ResumeDataHook. Use '
                '`load_from` without `resume`, or remove the hook.'
            )
        self.loaded = checkpoint[KEY]

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the sampler where to start."""
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
        """Count the step."""
        epoch = runner.train_loop.dataloader.batch_sampler.sampler.epoch
        if epoch != self.epoch:
            self.epoch, self.steps = epoch, 0
        self.steps += 1

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the state."""
        checkpoint[KEY] = runner.train_loop.dataloader.batch_sampler.state_after(self.steps)
