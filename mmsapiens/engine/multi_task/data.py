"""Samples of several tasks, and batches of one task each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, Dataset, Sampler

from ...registry import DATA_SAMPLERS, DATASETS

TASK = 'task'
"""Key of a sample, or of a batch, with the name of its task."""


def check_names(what: str, given: Mapping[str, Any], tasks: Sequence[str]) -> None:
    """A ValueError if something is given for a task that there is not."""
    if unknown := sorted(set(given) - set(tasks)):
        raise ValueError(f'`{what}` must name tasks of {list(tasks)}, but got {unknown}')


@DATASETS.register_module()
class MultiTaskDataset(Dataset):
    """The datasets of several tasks, one after the other; each sample names its task.

    Args:
        datasets (Mapping[str, dict]): Task -> its dataset, with ``_scope_`` of its host.
    """

    def __init__(self, datasets: Mapping[str, Any]) -> None:
        self.datasets = {
            name: DATASETS.build(each) if isinstance(each, Mapping) else each
            for name, each in datasets.items()
        }
        self.sizes = {name: len(dataset) for name, dataset in self.datasets.items()}
        if empty := [name for name, size in self.sizes.items() if not size]:
            raise ValueError(f'the datasets of {empty} are empty. Check `data_root` and `ann_file`')
        self.ends = np.cumsum(list(self.sizes.values()))

    @property
    def metainfo(self) -> dict[str, Any]:
        """Task -> that of its dataset."""
        return {name: getattr(each, 'metainfo', {}) for name, each in self.datasets.items()}

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> dict[str, Any]:
        which = int(np.searchsorted(self.ends, index, 'right'))
        name = list(self.datasets)[which]
        start = int(self.ends[which]) - self.sizes[name]
        return {**self.datasets[name][int(index) - start], TASK: name}


@DATA_SAMPLERS.register_module()
class TaskBatchSampler(BatchSampler):
    """Batches of one task each, the same task in all processes at a time.

    Which task and which samples depends on seed and epoch of the sampler alone. Each task goes
    through its own samples in a random order, and begins anew where they end.

    Args:
        sampler (Sampler): MMEngine's ``DefaultSampler`` of a :class:`MultiTaskDataset`; it gives
            seed, epoch and processes.
        batch_size (int): Of the tasks that are not in ``batch_sizes``, in a process.
        batch_sizes (Mapping[str, int], optional): Task -> its own. Defaults to None.
        shares (Mapping[str, float], optional): Task -> how often it comes, in any unit; a task
            that is not there counts as 1. Defaults to None, all alike.
        num_batches (int, optional): In an epoch. Defaults to None, as many as go once through the
            samples of all tasks.

    Raises:
        ValueError: If a size or share is not positive, or is of no task.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        batch_sizes: Mapping[str, int] | None = None,
        shares: Mapping[str, float] | None = None,
        num_batches: int | None = None,
    ) -> None:
        self.sampler: Any = sampler
        sizes = self.sampler.dataset.sizes
        for what, given in (('batch_sizes', batch_sizes or {}), ('shares', shares or {})):
            check_names(what, given, list(sizes))
            if any(not value > 0 for value in given.values()):
                raise ValueError(f'`{what}` must be positive, but got {dict(given)}')
        self.batch_sizes = {name: (batch_sizes or {}).get(name, batch_size) for name in sizes}
        self.shares: np.ndarray = np.array([(shares or {}).get(n, 1) for n in sizes], float)
        steps = [
            -(-size // (self.batch_sizes[name] * self.sampler.world_size))
            for name, size in sizes.items()
        ]
        self.num_batches = sum(steps) if num_batches is None else num_batches

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[list[int]]:
        dataset, epoch = self.sampler.dataset, self.sampler.epoch
        names = list(dataset.sizes)
        random = np.random.default_rng([self.sampler.seed, epoch])
        chosen = random.choice(len(names), self.num_batches, p=self.shares / self.shares.sum())
        orders = {
            name: _endless(dataset.sizes[name], np.random.default_rng(each))
            for name, each in zip(names, random.integers(2**63, size=len(names)))
        }
        for name in (names[which] for which in chosen):
            start = int(dataset.ends[names.index(name)]) - dataset.sizes[name]
            count = self.batch_sizes[name] * self.sampler.world_size
            together = [start + next(orders[name]) for _ in range(count)]
            yield together[self.sampler.rank :: self.sampler.world_size]


def _endless(size: int, random: np.random.Generator) -> Iterator[int]:
    while True:
        yield from random.permutation(size).tolist()
