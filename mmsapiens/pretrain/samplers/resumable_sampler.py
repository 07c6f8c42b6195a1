"""An order of samples that can be entered anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from ...registry import DATA_SAMPLERS
from .permutation import Permutation
from .sample_index import SampleIndex, derive_seed

CHUNK = 1024


def split_evenly(total: int, num_parts: int) -> np.ndarray:
    """Borders of parts of ``range(total)`` whose sizes differ by at most 1."""
    return np.array([part * total // num_parts for part in range(num_parts)])


class RemainingOrder:
    """What several processes have left of a sequence.

    Each of ``world_size`` processes had one part of ``range(total)``, see :func:`split_evenly`, and
    took the first ``taken`` elements of it. What is left, one process after the other, is a
    sequence again.

    Args:
        total (int): Length of the sequence.
        world_size (int): Number of processes.
        taken (int): Elements that each took, at most those that it had.
    """

    def __init__(self, total: int, world_size: int, taken: int) -> None:
        starts = split_evenly(total, world_size)
        stops: np.ndarray = np.append(starts[1:], total)
        self.starts = np.minimum(starts + taken, stops)
        left = stops - self.starts
        self.borders = np.cumsum(left) - left
        self.total = int(left.sum())

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Positions in the rest -> positions in the sequence."""
        part = np.searchsorted(self.borders, positions, side='right') - 1
        return self.starts[part] + positions - self.borders[part]


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Each sample once per epoch, in an order that is a pure function.

    The order of an epoch depends on the seed, the epoch and the dataset alone, and can be computed
    at any position without what is in front of it. The processes take one contiguous part each
    (sizes differ by at most one). Hence the whole state of an epoch is how many samples each
    process took. If the number of processes changes, what is left is divided anew.

    A dataset with ``block_sizes`` (int64, entries of each shard) has its shards shuffled, then the
    entries inside windows of ``window`` consecutive ones, so that a process reads from few shards
    at a time. Other datasets are shuffled entry by entry.

    Use it with :class:`ResumableBatchSampler`. Iterated by itself it gives all processes the same
    number of samples, and so leaves out up to ``world_size - 1``, others in each epoch.

    Args:
        dataset (Sized): The dataset.
        shuffle (bool): Whether to shuffle. Defaults to True.
        seed (int, optional): Of the order and of what the dataset draws. Defaults to None, a
            random one, the same in all processes.
        window (int): Entries that are shuffled among each other, for datasets of shards. Defaults
            to 8192.
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
                f'the dataset has {self.total} samples for '
                f'{self.world_size} processes. Use fewer processes, or more '
                'images.'
            )
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.window = window
        self.epoch = 0
        self.taken = 0
        self.earlier: list[tuple[int, int]] = []
        sizes = getattr(dataset, 'block_sizes', None)
        self._sizes = None if sizes is None else np.asarray(sizes)
        if self._sizes is not None and self._sizes.sum() != self.total:
            raise ValueError(
                f'`block_sizes` of the dataset add up to {self._sizes.sum()},'
                f' but it has {self.total} entries'
            )
        self._prepare()

    def _prepare(self) -> None:
        """Compute what the epoch and the state determine."""
        self.epoch_seed = derive_seed(self.seed, self.epoch)
        self._rests: list[RemainingOrder] = []
        total = self.total
        for world_size, taken in self.earlier:
            self._rests.append(RemainingOrder(total, world_size, taken))
            total = self._rests[-1].total
        self.left = total
        if self.shuffle and self._sizes is not None:
            number = len(self._sizes)
            order = Permutation(number, self.epoch_seed)(np.arange(number))
            self._block_order = order
            sizes = self._sizes[order]
            self._block_starts = np.cumsum(sizes) - sizes
            self._first_entries = (np.cumsum(self._sizes) - self._sizes)[order]

    def order(self, positions: np.ndarray) -> np.ndarray:
        """Samples at ``positions`` of this epoch, all processes together.

        Args:
            positions (np.ndarray): Integers in ``range(len(dataset))``, (N,).

        Returns:
            np.ndarray: Indices of the dataset, int64 (N,).
        """
        if not self.shuffle:
            return positions
        if self._sizes is None:
            return Permutation(self.total, self.epoch_seed)(positions)
        windows: np.ndarray = positions // self.window
        entries = np.empty_like(positions)
        for window in np.unique(windows):
            here = windows == window
            start = window * self.window
            size = min(self.window, self.total - start)
            seed = derive_seed(self.epoch_seed, 'window', int(window))
            shuffled = Permutation(int(size), seed)(positions[here] - start)
            entries[here] = start + shuffled
        # 'right' passes over empty shards, which start where the next does.
        block = np.searchsorted(self._block_starts, entries, 'right') - 1
        return self._first_entries[block] + entries - self._block_starts[block]

    def rank_range(self, rank: int) -> range:
        """Positions of process ``rank`` in what was left for all."""
        return range(*(each * self.left // self.world_size for each in (rank, rank + 1)))

    @property
    def min_len(self) -> int:
        """The smallest share of a process, samples taken included."""
        return self.left // self.world_size

    @property
    def max_len(self) -> int:
        """The largest share of a process, samples taken included."""
        return -(-self.left // self.world_size)

    def indices(self, start: int, stop: int) -> list[SampleIndex]:
        """Samples ``start`` to ``stop`` of the share of this process.

        Args:
            start (int): The first one, counted from the begin of the share.
            stop (int): Behind the last one; cut to the share.

        Returns:
            list[SampleIndex]: The samples.
        """
        part = self.rank_range(self.rank)[start:stop]
        positions: np.ndarray = np.arange(part.start, part.stop, dtype=np.int64)
        for rest in reversed(self._rests):
            positions = rest(positions)
        chosen = self.order(positions).tolist()
        return [SampleIndex(index, self.epoch_seed) for index in chosen]

    def __iter__(self) -> Iterator[SampleIndex]:
        for start in range(self.taken, self.min_len, CHUNK):
            yield from self.indices(start, min(start + CHUNK, self.min_len))

    def __len__(self) -> int:
        """Samples of a process in a whole epoch."""
        return self.total // self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Go to the begin of ``epoch``, unless that is the current one."""
        if epoch != self.epoch:
            self.epoch, self.taken, self.earlier = epoch, 0, []
            self._prepare()

    def fingerprint(self) -> dict[str, Any]:
        """What has to be the same for a state to mean the same samples."""
        return dict(
            total=self.total,
            shuffle=self.shuffle,
            window=None if self._sizes is None else self.window,
            dataset=getattr(self.dataset, 'fingerprint', None),
        )

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """The state after each process took ``taken`` samples of its share.

        Args:
            taken (int, optional): Defaults to None, where iterating starts. Samples drawn ahead by
                workers do not count.

        Returns:
            dict: For :meth:`load_state_dict`, in any number of processes.
        """
        taken = self.taken if taken is None else taken
        shares = [*self.earlier, (self.world_size, taken)]
        return dict(seed=self.seed, epoch=self.epoch, shares=shares, **self.fingerprint())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Start where ``state`` was taken.

        Args:
            state (dict): See :meth:`state_dict`.

        Raises:
            ValueError: If it belongs to other data or another order.
        """
        for name, value in self.fingerprint().items():
            if state[name] != value:
                raise ValueError(
                    'the checkpoint was saved in the middle of an epoch of '
                    f'other data: `{name}` was {state[name]!r} then and is '
                    f'{value!r}. Resume with the same images and sampler, or '
                    'use `load_from` without `resume` for a new run.'
                )
        self.seed, self.epoch = state['seed'], state['epoch']
        shares: Sequence = [tuple(share) for share in state['shares']]
        *earlier, (world_size, taken) = shares
        if world_size == self.world_size:
            self.earlier, self.taken = earlier, taken
        else:
            self.earlier, self.taken = list(shares), 0
        self._prepare()
