"""Random orders and seeds that depend on nothing but numbers, and indexes that carry them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

ROUNDS = 8


def derive_seed(*parts: int | str) -> int:
    """A seed of 64 bits that depends on every part and on their order."""
    text = '/'.join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'big')


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, numpy and torch with 64 bits, and put their states back afterwards."""
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
    """An int with the epoch's seed for our datasets, of which workers that persist hold copies."""

    epoch_seed: int

    def __new__(cls, index: int, epoch_seed: int) -> SampleIndex:
        new = super().__new__(cls, index)
        new.epoch_seed = epoch_seed
        return new

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.epoch_seed)


def _scramble(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al., 2014), on uint64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class Permutation:
    """A random order of ``range(size)``, computed where it is asked for; a table can be huge. A
    Feistel network permutes the next power of four; results outside of ``range(size)`` go through
    it again. ``size`` is at most ``2**62``, ``seed`` below ``2**64``."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        half_bits = max(1, ((max(size, 2) - 1).bit_length() + 1) // 2)
        self._shift = np.uint64(half_bits)
        self._mask = np.uint64((1 << half_bits) - 1)
        counter: np.ndarray = np.arange(1, ROUNDS + 1, dtype=np.uint64)
        # The constant is of SplitMix64.
        self._keys = _scramble(np.uint64(seed) + counter * np.uint64(0x9E3779B97F4A7C15))

    def _permute(self, values: np.ndarray) -> np.ndarray:
        left, right = values >> self._shift, values & self._mask
        for key in self._keys:
            mixed = _scramble(right + key) & self._mask
            left, right = right, left ^ mixed
        return (left << self._shift) | right

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """The elements at ``positions``, integers in ``range(size)`` of any shape; int64."""
        with np.errstate(over='ignore'):  # arithmetic modulo 2**64
            values = self._permute(np.asarray(positions, dtype=np.uint64))
            while (outside := values >= self.size).any():
                values[outside] = self._permute(values[outside])
        return values.astype(np.int64)
