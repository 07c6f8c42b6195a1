"""Stock training loops that can start in the middle of an epoch."""

from collections.abc import Iterator
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from ..registry import LOOPS


@LOOPS.register_module()
class ResumableEpochTrainLoop(EpochBasedTrainLoop):
    """Counts the batches of a resumed epoch from where it was left.

    Needs a :class:`ResumableBatchSampler`, and ``ResumeDataHook``, which tells it where to start.
    """

    def run_epoch(self) -> None:
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        first = max(0, len(self.dataloader) - self.dataloader.batch_sampler.steps_left)
        for idx, data_batch in enumerate(self.dataloader, start=first):
            self.run_iter(idx, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


@LOOPS.register_module()
class ResumableIterTrainLoop(IterBasedTrainLoop):
    """:class:`ResumableEpochTrainLoop` by iterations; stock loads all earlier batches again."""

    _batches: Iterator[Any] | None = None

    def _endless_batches(self) -> Iterator[Any]:
        yield from (None for _ in range(self._iter))
        while True:
            yield from self.dataloader
            sampler = self.dataloader.batch_sampler.sampler
            sampler.set_epoch(sampler.epoch + 1)

    @property
    def dataloader_iterator(self) -> Iterator[Any]:
        """The source of batches; those already trained come as None."""
        if self._batches is None:
            self._batches = self._endless_batches()
        return self._batches

    @dataloader_iterator.setter
    def dataloader_iterator(self, value: Any) -> None:
        # The stock constructor opens an iterator at the first sample, before the state is loaded:
        # end its workers, open another when needed.
        self._batches = None
        self.dataloader._iterator = None
