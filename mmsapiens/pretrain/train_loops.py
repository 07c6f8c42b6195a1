"""Stock training loops that can start in the middle of an epoch."""

from __future__ import annotations

from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from ..registry import LOOPS


@LOOPS.register_module()
class ResumableEpochTrainLoop(EpochBasedTrainLoop):
    """Counts the batches of a resumed epoch from where it was left.

    The data loader needs a :class:`ResumableBatchSampler`, the runner the
    ``mmsapiens.ResumeDataHook``, which tells the sampler where to start. Without an interruption it
    is the stock loop.
    """

    def run_epoch(self) -> None:
        """Train what is left of the epoch."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        left = self.dataloader.batch_sampler.steps_left
        first = max(0, len(self.dataloader) - left)
        for idx, data_batch in enumerate(self.dataloader, start=first):
            self.run_iter(idx, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


class EndlessBatches:
    """Batches of one epoch after the other, the first ``num_empty`` of them None."""

    def __init__(self, dataloader: DataLoader, num_empty: int) -> None:
        self.dataloader = dataloader
        self.num_empty = num_empty
        self.iterator: Any = None

    def __next__(self) -> Any:
        if self.num_empty:
            self.num_empty -= 1
            return None
        if self.iterator is None:
            self.iterator = iter(self.dataloader)
        try:
            return next(self.iterator)
        except StopIteration:
            sampler: Any = self.dataloader.batch_sampler
            sampler.sampler.set_epoch(sampler.sampler.epoch + 1)
            self.iterator = iter(self.dataloader)
            return next(self.iterator)


@LOOPS.register_module()
class ResumableIterTrainLoop(IterBasedTrainLoop):
    """Resumes at once, where the stock loop loads all earlier batches again.

    It needs what :class:`ResumableEpochTrainLoop` needs.
    """

    _batches: EndlessBatches | None = None

    @property
    def dataloader_iterator(self) -> EndlessBatches:
        """The source of batches; those already trained come as None."""
        if self._batches is None:
            self._batches = EndlessBatches(self.dataloader, self._iter)
        return self._batches

    @dataloader_iterator.setter
    def dataloader_iterator(self, value: Any) -> None:
        # The stock constructor opens an iterator at the first sample, before the state is loaded:
        # end its workers, open another when needed.
        self._batches = None
        self.dataloader._iterator = None
