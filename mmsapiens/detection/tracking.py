"""The same number for the same person in all frames of a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def box_iou(first: NDArray, second: NDArray) -> NDArray:
    """Overlap of boxes: intersection by union.

    Args:
        first (NDArray): x1, y1, x2, y2, (N, 4).
        second (NDArray): (M, 4).

    Returns:
        NDArray: In [0, 1], float64 (N, M).
    """
    first = first.astype(np.float64)[:, None]
    second = second.astype(np.float64)[None]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clip(0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).clip(0).prod(axis=-1) for box in (first, second)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)


@dataclass(frozen=True)
class Track:
    """A person.

    Args:
        number (int): Its id, from 1.
        box (tuple[float, ...]): Where it was last seen, x1, y1, x2, y2.
        age (int): Frames since then.
    """

    number: int
    box: tuple[float, ...]
    age: int = 0


class BoxTracker:
    """Numbers people by the overlap of their boxes.

    The sum of the overlaps with the last known boxes is maximised (the Hungarian method), so the
    order of the boxes does not matter.

    Args:
        min_iou (float): Least overlap with the last box. Defaults to 0.3.
        max_age (int): Frames for which a person may be hidden. Defaults to
            30.
    """

    def __init__(self, min_iou: float = 0.3, max_age: int = 30) -> None:
        if not 0 < min_iou <= 1:
            raise ValueError(f'`min_iou` must be in (0, 1], got {min_iou}')
        if max_age < 0:
            raise ValueError(f'`max_age` must be at least 0, got {max_age}')
        self.min_iou, self.max_age = min_iou, max_age
        self.reset()

    def reset(self) -> None:
        """Forget everybody; numbers start at 1 again."""
        self.tracks: tuple[Track, ...] = ()
        self.next_number = 1

    def update(self, boxes: NDArray) -> NDArray:
        """Number the people of the next frame.

        Args:
            boxes (NDArray): x1, y1, x2, y2, (N, 4).

        Returns:
            NDArray: Ids, int64 (N,).
        """
        from scipy.optimize import linear_sum_assignment

        known = np.array([track.box for track in self.tracks]).reshape(-1, 4)
        overlap = box_iou(boxes.reshape(-1, 4), known)
        allowed = np.where(overlap >= self.min_iou, overlap, 0)
        numbers: NDArray = np.zeros(len(overlap), dtype=np.int64)
        for index, old in zip(*linear_sum_assignment(-allowed)):
            if allowed[index, old] > 0:
                numbers[index] = self.tracks[old].number
        for index in np.flatnonzero(numbers == 0):
            numbers[index] = self.next_number
            self.next_number += 1
        seen = set(numbers.tolist())
        hidden = [
            Track(track.number, track.box, track.age + 1)
            for track in self.tracks
            if track.number not in seen and track.age < self.max_age
        ]
        found = [Track(int(number), tuple(map(float, box))) for number, box in zip(numbers, boxes)]
        self.tracks = (*found, *hidden)
        return numbers

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :func:`tracker_state` gave."""
        self.next_number = state['next_number']
        self.tracks = tuple(Track(number, tuple(box), age) for number, box, age in state['tracks'])


def tracker_state(tracks: tuple[Track, ...], next_number: int) -> dict[str, Any]:
    """The state of a tracker in JSON types."""
    return dict(
        next_number=next_number,
        tracks=[[track.number, list(track.box), track.age] for track in tracks],
    )
