"""An order of samples that can be entered anywhere, and batches of it."""

from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import BatchSampler, Sampler

from ...registry import DATA_SAMPLERS
from .random_order import Permutation, SampleIndex, derive_seed

CHUNK = 1024


class RemainingOrder:
    """What several processes have left of a sequence, one after the other. Each of ``world_size``
    processes had one part of ``range(total)``, their sizes differing by at most 1, and took the
    first ``taken`` elements of it, if it had as many."""

    def __init__(self, total: int, world_size: int, taken: int) -> None:
        borders = np.array([rank * total // world_size for rank in range(world_size + 1)])
        self.starts = np.minimum(borders[:-1] + taken, borders[1:])
        left = borders[1:] - self.starts
        self.borders = np.cumsum(left) - left
        self.total = int(left.sum())

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions in the rest -> positions in the sequence."""
        part = np.searchsorted(self.borders, positions, side='right') - 1
        return self.starts[part] + positions - self.borders[part]


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Each sample once per epoch, in an order that depends on seed, epoch and dataset alone.

    The processes take one contiguous part each (sizes differ by at most one), so that the whole
    state of an epoch is how many samples each process took. If the number of processes changes,
    what is left is divided again.

    A dataset with ``block_sizes`` (int64, entries of each shard) has its shards shuffled, then the
    entries inside windows of ``window`` consecutive ones, so that a process reads from few shards
    at a time. Iterated without :class:`ResumableBatchSampler` it leaves out up to ``world_size -
    1``, others in each epoch.

    Args:
        dataset (Sized): The dataset.
        shuffle (bool): Whether to shuffle. Defaults to True.
        seed (int, optional): Of the order and of what the dataset draws. Defaults to None, a random
            one, the same in all processes.
        window (int): Entries of shards that are shuffled among each other. Defaults to 8192.
    """

    def __init__(
        self, dataset: Sized, shuffle: bool = True, seed: int | None = None, window: int = 8192
    ) -> None:
        if window < 1:
            raise ValueError(f'`window` must be at least 1, but got {window}')
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.total = len(dataset)
        if self.total < self.world_size:
            raise ValueError(
                f'the dataset has {self.total} samples for {self.world_size} processes. Use fewer '
                'processes, or more images.'
            )
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.window = window
        self.epoch, self.taken = 0, 0
        self.earlier: list[tuple[int, int]] = []
        sizes = getattr(dataset, 'block_sizes', None)
        self._sizes = None if sizes is None else np.asarray(sizes)
        if self._sizes is not None and self._sizes.sum() != self.total:
            raise ValueError(
                f'`block_sizes` of the dataset add up to {self._sizes.sum()}, but it has '
                f'{self.total} entries'
            )
        self._prepare()

    def _prepare(self) -> None:
        """Compute what the epoch and the state determine."""
        self.epoch_seed = derive_seed(self.seed, self.epoch)
        self._rests: list[RemainingOrder] = []
        self.left = self.total
        for world_size, taken in self.earlier:
            self._rests.append(RemainingOrder(self.left, world_size, taken))
            self.left = self._rests[-1].total
        if self.shuffle and self._sizes is not None:
            number = len(self._sizes)
            order = Permutation(number, self.epoch_seed)(np.arange(number))
            sizes = self._sizes[order]
            self._block_starts = np.cumsum(sizes) - sizes
            self._first_entries = (np.cumsum(self._sizes) - self._sizes)[order]

    def order(self, positions: np.ndarray) -> np.ndarray:
        """Indices of the dataset (N,) at ``positions`` (N,) of this epoch, of all processes."""
        if not self.shuffle:
            return positions
        if self._sizes is None:
            return Permutation(self.total, self.epoch_seed)(positions)
        windows: np.ndarray = positions // self.window
        entries = np.empty_like(positions)
        for window in np.unique(windows).tolist():
            here = windows == window
            start = window * self.window
            size = min(self.window, self.total - start)
            shuffled = Permutation(size, derive_seed(self.epoch_seed, 'window', window))
            entries[here] = start + shuffled(positions[here] - start)
        # 'right' passes over empty shards, which start where the next does.
        block = np.searchsorted(self._block_starts, entries, 'right') - 1
        return self._first_entries[block] + entries - self._block_starts[block]

    @property
    def min_len(self) -> int:
        """The smallest share of a process, samples taken included."""
        return self.left // self.world_size

    def indices(self, start: int, stop: int) -> list[SampleIndex]:
        """Samples ``start`` to ``stop`` of the share of this process, cut to the share."""
        first, last = ((self.rank + k) * self.left // self.world_size for k in (0, 1))
        part = range(first, last)[start:stop]
        positions: np.ndarray = np.arange(part.start, part.stop, dtype=np.int64)
        for rest in reversed(self._rests):
            positions = rest(positions)
        return [SampleIndex(index, self.epoch_seed) for index in self.order(positions).tolist()]

    def __iter__(self) -> Iterator[SampleIndex]:
        for start in range(self.taken, self.min_len, CHUNK):
            yield from self.indices(start, min(start + CHUNK, self.min_len))

    def __len__(self) -> int:
        return self.total // self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Go to the begin of ``epoch``, unless that is the current one."""
        if epoch != self.epoch:
            self.epoch, self.taken, self.earlier = epoch, 0, []
            self._prepare()

    def fingerprint(self) -> dict[str, Any]:
        """What has to be the same for a state to mean the same samples."""
        window = None if self._sizes is None else self.window
        dataset = getattr(self.dataset, 'fingerprint', None)
        return dict(total=self.total, shuffle=self.shuffle, window=window, dataset=dataset)

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """For :meth:`load_state_dict` of any processes, after each took ``taken`` of its share."""
        shares = [*self.earlier, (self.world_size, self.taken if taken is None else taken)]
        return dict(seed=self.seed, epoch=self.epoch, shares=shares, **self.fingerprint())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Start where ``state`` was taken, of the same data and order or a ValueError."""
        for name, value in self.fingerprint().items():
            if state[name] != value:
                raise ValueError(
                    'the checkpoint was saved in the middle of an epoch of other data: '
                    f'`{name}` was {state[name]!r} then and is {value!r}. Resume with the same '
                    'images and sampler, or use `load_from` without `resume`.'
                )
        self.seed, self.epoch = state['seed'], state['epoch']
        self.earlier, self.taken = [tuple(share) for share in state['shares']], 0
        if self.earlier[-1][0] == self.world_size:
            self.taken = self.earlier.pop()[1]
        self._prepare()


@DATA_SAMPLERS.register_module()
class ResumableBatchSampler(BatchSampler):
    """The same number of batches in each process, nothing lost or repeated.

    All batches are full but the last: it takes what is left, between 1 and ``batch_size + 1``
    samples (one more where others have one less and their last batch is just full).

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
                f'`sampler` must be a ResumableSampler, but got {type(sampler).__name__}. Set '
                "`sampler=dict(type='mmsapiens.ResumableSampler')` in the data loader."
            )
        super().__init__(sampler, batch_size, drop_last)
        if len(self) == 0:
            raise ValueError(
                f'`drop_last=True` leaves nothing: each process has {len(sampler)} samples for a '
                f'`batch_size` of {batch_size}'
            )

    def _steps(self, samples: int) -> int:
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    def __len__(self) -> int:
        return self._steps(len(self.sampler))

    @property
    def steps_left(self) -> int:
        """Steps from where iterating starts to the end of the epoch."""
        return self._steps(max(0, self.sampler.min_len - self.sampler.taken))

    def _taken_after(self, steps: int) -> int:
        if steps == self.steps_left:
            return -(-self.sampler.left // self.sampler.world_size)
        return self.sampler.taken + steps * self.batch_size

    def __iter__(self) -> Iterator[list[SampleIndex]]:  # type: ignore
        # The number of steps is fixed here: a state may be loaded while the last batches of another
        # iterator are still being asked for.
        sampler = self.sampler
        for step in range(self.steps_left):
            stop = sampler.taken + (step + 1) * self.batch_size
            if not self.drop_last:
                stop = self._taken_after(step + 1)
            yield sampler.indices(sampler.taken + step * self.batch_size, stop)

    def state_after(self, steps: int) -> dict[str, Any]:
        """State of the sampler after ``steps`` steps in this epoch since iterating started."""
        return self.sampler.state_dict(self._taken_after(steps))
