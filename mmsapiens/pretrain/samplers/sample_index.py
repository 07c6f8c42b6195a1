"""Seeds of samples, and indexes that carry them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*parts: int | str) -> int:
    """A seed of 64 bits that depends on every part and on their order."""
    text = '/'.join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'big')


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, numpy and torch, and put their states back afterwards.

    Args:
        seed (int): Below ``2**64``.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    torch.default_generator.manual_seed(seed & 0x7FFFFFFFFFFFFFFF)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


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
