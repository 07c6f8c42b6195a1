"""Batches of a ResumableSampler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import BatchSampler

from ...registry import DATA_SAMPLERS
from .resumable_sampler import ResumableSampler
from .sample_index import SampleIndex


@DATA_SAMPLERS.register_module()
class ResumableBatchSampler(BatchSampler):
    """The same number of batches in each process, nothing lost or repeated.

    All batches are full but the last: it takes what is left, between 1 and ``batch_size + 1``
    samples. (One more than a batch occurs where a process has one sample more than the others,
    whose last batch is just full.)

    Args:
        sampler (ResumableSampler): The order of the samples.
        batch_size (int): Samples per process and step.
        drop_last (bool): Leave out the last batch of each process if it is not full, for steps of
            equal shapes; other samples in each epoch. Defaults to False.
    """

    sampler: ResumableSampler

    def __init__(self, sampler: ResumableSampler, batch_size: int, drop_last: bool = False) -> None:
        if not isinstance(sampler, ResumableSampler):
            raise TypeError(
                '`sampler` must be a ResumableSampler, but got '
                f'{type(sampler).__name__}. Set `sampler=dict(type='
                "'mmsapiens.ResumableSampler')` in the data loader."
            )
        super().__init__(sampler, batch_size, drop_last)
        if len(self) == 0:
            raise ValueError(
                f'`drop_last=True` leaves nothing: each process has '
                f'{len(sampler)} samples for a `batch_size` of {batch_size}'
            )

    def _steps(self, samples: int) -> int:
        if self.drop_last:
            return samples // self.batch_size
        return -(-samples // self.batch_size)

    def __len__(self) -> int:
        """Steps of a whole epoch."""
        return self._steps(len(self.sampler))

    @property
    def steps_left(self) -> int:
        """Steps from where iterating starts to the end of the epoch."""
        return self._steps(max(0, self.sampler.min_len - self.sampler.taken))

    def _taken_after(self, steps: int) -> int:
        if steps == self.steps_left:
            return self.sampler.max_len
        return self.sampler.taken + steps * self.batch_size

    def __iter__(self) -> Iterator[list[SampleIndex]]:  # type: ignore
        # The number of steps is fixed here: a state may be loaded while the last batches of another
        # iterator are still being asked for.
        sampler = self.sampler
        for step in range(self.steps_left):
            stop = sampler.taken + (step + 1) * self.batch_size
            if not self.drop_last:
                stop = self._taken_after(step + 1)
            start = sampler.taken + step * self.batch_size
            yield sampler.indices(start, stop)

    def state_after(self, steps: int) -> dict[str, Any]:
        """The state of the sampler after ``steps`` steps of training.

        Args:
            steps (int): Steps done in this epoch since iterating started.

        Returns:
            dict: For ``ResumableSampler.load_state_dict``.
        """
        return self.sampler.state_dict(self._taken_after(steps))
