"""Subsets of hundreds of millions of images, without a Python object for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from .names import iterate_list, read_list

BLOCK = 512
"""Bits after which the numbers before are counted."""
_BYTES = BLOCK // 8
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
"""Of each value of a byte."""

Shards = Callable[[], Iterable[tuple[int, Sequence[str]]]]
"""Goes through all shards: the number of the first image of each, and the names of its images."""


class NumberSet:
    """Some of the whole numbers below ``size``, in increasing order: a bit for each below it.

    300 million of them are 42 MB. ``chunks`` are the numbers (int64), in any order.
    """

    def __init__(self, size: int, chunks: Iterable[np.ndarray]) -> None:
        self.bits: np.ndarray = np.zeros((size // BLOCK + 1) * _BYTES, dtype=np.uint8)
        for numbers in chunks:
            values = np.left_shift(1, numbers & 7).astype(np.uint8)
            np.bitwise_or.at(self.bits, numbers >> 3, values)
        blocks = self.bits.reshape(-1, _BYTES)
        parts = np.array_split(blocks, len(blocks) // 4096 + 1)  # not the counts of all bytes
        counts = [_ONES[part].sum(axis=1, dtype=np.int64) for part in parts]
        self.ends = np.concatenate(counts).cumsum()

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f'number {index} of {len(self)} was asked for')
        block = int(np.searchsorted(self.ends, index, side='right'))
        before = int(self.ends[block - 1]) if block else 0
        return block * BLOCK + int(np.flatnonzero(self._block(block))[index - before])

    def _block(self, block: int | np.ndarray) -> np.ndarray:
        """Bits of one block or of several, uint8 (..., BLOCK)."""
        bits = self.bits.reshape(-1, _BYTES)[block]
        return np.unpackbits(bits, axis=-1, bitorder='little')

    def numbers(self) -> np.ndarray:
        """All of them, int64; 8 bytes each."""
        return np.flatnonzero(np.unpackbits(self.bits, bitorder='little'))

    def counts_below(self, limits: np.ndarray) -> np.ndarray:
        """How many are below each limit (int64, from 0 to ``size``)."""
        block, rest = np.divmod(limits, BLOCK)
        in_block = self._block(block) & (np.arange(BLOCK) < rest[:, None])
        return np.append(0, self.ends)[block] + in_block.sum(axis=1, dtype=np.int64)


def choose_names(path: str | Path, size: int, shards: Shards) -> NumberSet:
    """Numbers of the images, out of ``size``, whose names are in a list file.

    Where names increase through the list and through all shards, as `pack_shards.py` and the
    curation of humans write them, both are read side by side and take no memory. Others take 35
    bytes for each name of the list.

    Raises:
        ValueError: If a name is in no shard, or in two.
    """
    try:
        return NumberSet(size, _find_in_order(path, shards()))
    except _OutOfOrderError:
        return NumberSet(size, _find_anywhere(path, shards()))


class _OutOfOrderError(Exception):
    pass


@dataclass
class _Tally:
    """Names of the list ``path`` that are in the shards, and that are not."""

    path: str | Path
    found: int = 0
    missing: int = 0
    first: str = ''

    def miss(self, name: str) -> None:
        self.first = self.first or name
        self.missing += 1

    def check(self) -> None:
        if self.missing:
            raise ValueError(
                f'`subset_file` {self.path} has {self.found + self.missing} names, but the shards '
                f'{self.found} of them: {self.first!r}, for instance, is in none'
            )


def _increasing(names: Iterable[str]) -> Iterator[str]:
    """Names, of equal neighbors one."""
    last = None
    for name in names:
        if last is not None and name <= last:
            if name == last:
                continue
            raise _OutOfOrderError
        yield name
        last = name


def _find_in_order(
    path: str | Path, shards: Iterable[tuple[int, Sequence[str]]]
) -> Iterator[np.ndarray]:
    """The list and the shards side by side."""
    wanted = _increasing(iterate_list(path))
    name = next(wanted, None)
    last, tally = '', _Tally(path)
    for start, names in shards:
        found = []
        for number, here in enumerate(names, start):
            if here <= last:
                raise _OutOfOrderError
            last = here
            while name is not None and name < here:
                tally.miss(name)
                name = next(wanted, None)
            if name == here:
                found.append(number)
                name = next(wanted, None)
        tally.found += len(found)
        yield np.array(found, dtype=np.int64)
    while name is not None:
        tally.miss(name)
        name = next(wanted, None)
    tally.check()


def _find_anywhere(
    path: str | Path, shards: Iterable[tuple[int, Sequence[str]]]
) -> Iterator[np.ndarray]:
    """Hashes lead to the lines that may be a name; the names themselves are compared."""
    table = read_list(path)
    hashes: np.ndarray = np.fromiter(map(hash, iterate_list(path)), np.int64, len(table))
    lines: np.ndarray = np.argsort(hashes)
    hashes = hashes[lines]
    is_found: np.ndarray = np.zeros(len(table), dtype=bool)
    for start, names in shards:
        found = []
        mine = np.array([hash(name) for name in names], dtype=np.int64)
        bounds = np.stack(
            [np.searchsorted(hashes, mine, 'left'), np.searchsorted(hashes, mine, 'right')]
        )
        for number, name, low, high in zip(count(start), names, *bounds.tolist()):
            same = [line for n in range(low, high) if table[line := int(lines[n])] == name]
            if not same:
                continue
            if is_found[same[0]]:
                raise ValueError(
                    f'`subset_file` {path}: the name {name!r} is in the shards twice. '
                    'Names must be unique over all shards: pack the images with '
                    '`tools/dataset/pack_shards.py`.'
                )
            is_found[same] = True
            found.append(number)
        yield np.array(found, dtype=np.int64)
    tally = _Tally(path, int(is_found.sum()))
    for line in np.flatnonzero(~is_found).tolist():
        tally.miss(table[line])
    tally.check()
