"""The same number for the same person in all frames of a video."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Track = tuple[int, tuple[float, ...], int]
"""Number of a person, from 1; the box where it was last seen; frames since then."""


class BoxTracker:
    """Numbers people by the largest sum of overlaps; they may be hidden for ``max_age`` frames."""

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
        """Numbers, int64 (N,), of the people of the next frame, boxes x1, y1, x2, y2 (N, 4)."""
        import torch
        from scipy.optimize import linear_sum_assignment
        from torchvision.ops import box_iou

        known = np.array([box for _, box, _ in self.tracks]).reshape(-1, 4)
        both = [torch.as_tensor(each, dtype=torch.float64) for each in (boxes, known)]
        overlap = box_iou(both[0].reshape(-1, 4), both[1]).numpy()
        allowed = np.where(overlap >= self.min_iou, overlap, 0)
        numbers: NDArray = np.zeros(len(overlap), dtype=np.int64)
        for index, old in zip(*linear_sum_assignment(-allowed)):
            if allowed[index, old] > 0:
                numbers[index] = self.tracks[old][0]
        for index in np.flatnonzero(numbers == 0):
            numbers[index] = self.next_number
            self.next_number += 1
        found = [(int(number), tuple(map(float, box)), 0) for number, box in zip(numbers, boxes)]
        hidden = [track for track in self.tracks if track[0] not in numbers]
        hidden = [(n, box, age + 1) for n, box, age in hidden if age < self.max_age]
        self.tracks = (*found, *hidden)
        return numbers

    def state(self) -> dict[str, Any]:
        """What :meth:`load_state` takes; it fits into JSON, and later updates do not change it."""
        return dict(next_number=self.next_number, tracks=self.tracks)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Resume from a :meth:`state`."""
        self.next_number = state['next_number']
        self.tracks = tuple((number, tuple(box), age) for number, box, age in state['tracks'])
