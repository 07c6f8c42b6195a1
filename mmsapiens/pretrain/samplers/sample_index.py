"""An index of a dataset that knows the epoch it is drawn for."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: int | str) -> int:
    """A seed of 64 bits that depends on every part and on their order."""
    text = '/'.join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'big')


class SampleIndex(int):
    """An int for any dataset; ours also read the seed of its epoch.

    The epoch travels with the index because workers that persist hold a copy of the dataset that
    nobody can tell the epoch.

    Attributes:
        epoch_seed (int): Derived from the seed of the sampler and the epoch.
    """

    epoch_seed: int

    def __new__(cls, index: int, epoch_seed: int) -> SampleIndex:
        """An index with its seed."""
        new = super().__new__(cls, index)
        new.epoch_seed = epoch_seed
        return new

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.epoch_seed)
