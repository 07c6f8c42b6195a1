"""Random orders of any length that need no memory."""

from __future__ import annotations

import numpy as np

ROUNDS = 8


def _scramble(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al., 2014), on uint64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class Permutation:
    """A random order of ``range(size)``, computed where it is asked for.

    A table for 300 million images would take 2.4 GB in every process. A Feistel network permutes
    the next power of four; results outside of ``range(size)`` go through it again until they are
    inside.

    Args:
        size (int): Number of elements, at most ``2**62``.
        seed (int): Below ``2**64``.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        half_bits = max(1, ((max(size, 2) - 1).bit_length() + 1) // 2)
        self._shift = np.uint64(half_bits)
        self._mask = np.uint64((1 << half_bits) - 1)
        counter: np.ndarray = np.arange(1, ROUNDS + 1, dtype=np.uint64)
        steps = counter * np.uint64(0x9E3779B97F4A7C15)  # of SplitMix64
        self._keys = _scramble(np.uint64(seed) + steps)

    def _permute(self, values: np.ndarray) -> np.ndarray:
        left, right = values >> self._shift, values & self._mask
        for key in self._keys:
            mixed = _scramble(right + key) & self._mask
            left, right = right, left ^ mixed
        return (left << self._shift) | right

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """The elements at ``positions``.

        Args:
            positions (np.ndarray): Integers in ``range(size)``, any shape.

        Returns:
            np.ndarray: Likewise, int64.
        """
        with np.errstate(over='ignore'):  # arithmetic modulo 2**64
            values = self._permute(np.asarray(positions, dtype=np.uint64))
            while (outside := values >= self.size).any():
                values[outside] = self._permute(values[outside])
        return values.astype(np.int64)
