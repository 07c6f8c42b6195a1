"""Memory of targets that nobody refers to any more, to be drawn on again."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np

from ...ops.udp_encoding import Window

FREE_BYTES = 256 * 2**20
"""Bound of what is kept free: four targets of 308 maps of 192x256."""


class _Loan:
    """What an array on loan and all views of it refer to.

    NumPy makes the views of views refer to the array that owns the memory, so no array in between
    would tell when the last view is gone.
    """

    def __init__(self, maps: np.ndarray) -> None:
        self.__array_interface__ = maps.__array_interface__


class HeatmapMemory:
    """Zeros for heatmaps of one shape, without a new allocation each time.

    An array from :meth:`lend` comes back when it and all that was made from it (views, tensors,
    memory views) have been garbage collected. Only its windows are set to zero then, so nobody may
    write elsewhere on it.

    What is free is bounded by :data:`FREE_BYTES` (one array at least); the rest goes back to the
    system. Copies, pickled ones too, start empty; a forked process has its own memory anyway.
    Threads may share one object.

    Args:
        shape (Sequence[int]): Keypoints, height and width, (K, H, W).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        size = int(np.prod(self.shape)) * np.dtype(np.float32).itemsize
        limit = max(1, FREE_BYTES // max(1, size))
        # No lock: a loan may end anywhere, by the garbage collector also inside of these methods,
        # and single operations of a deque are atomic.
        self._free: deque[tuple[np.ndarray, Sequence[Window]]] = deque(maxlen=limit)

    def __reduce__(self) -> tuple[type[HeatmapMemory], tuple[Sequence[int]]]:
        return HeatmapMemory, (self.shape,)

    def take(self) -> np.ndarray:
        """Zeros (K, H, W), float32, to draw on and give to :meth:`lend`.

        Without that, after an error for instance, they are not used again.
        """
        try:
            maps, windows = self._free.pop()
        except IndexError:
            return np.zeros(self.shape, dtype=np.float32)
        for window in windows:
            maps[window] = 0
        return maps

    def lend(self, maps: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
        """The same maps, to be used again once nobody refers to them.

        Args:
            maps (np.ndarray): From :meth:`take`, (K, H, W). The caller keeps no reference.
            windows (Sequence[tuple]): Where they are not 0.

        Returns:
            np.ndarray: An array on the same memory, (K, H, W).
        """
        loan = _Loan(maps)
        come_back = weakref.finalize(loan, self._free.append, (maps, windows))
        come_back.atexit = False
        return np.asarray(loan)
