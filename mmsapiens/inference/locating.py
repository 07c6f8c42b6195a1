"""Where the people of a picture come from.

Letters: N people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .frames import Frame, People

Locator = Callable[[Sequence[Frame]], list[People]]
"""From some pictures, in the order of the stream, to their people."""
FALLBACKS = ('image', 'none')


def whole_images(frames: Sequence[Frame]) -> list[People]:
    """Every picture is one person."""
    return [People.whole_image(frame.size_hw) for frame in frames]


class GivenPeople:
    """Boxes from the caller.

    Args:
        boxes (Any): x1, y1, x2, y2 in pixels, (N, 4), for every picture; or a
            mapping from names or sources of pictures to such arrays; or a
            function of a :class:`Frame` that gives one. A fifth column is
            the score, 1 without it.

    Raises:
        ValueError: If an array has another shape.
    """

    def __init__(self, boxes: Any) -> None:
        self._boxes = boxes
        if not callable(boxes) and not isinstance(boxes, Mapping):
            self._boxes = as_boxes(boxes)

    def __call__(self, frames: Sequence[Frame]) -> list[People]:
        """Boxes of each picture; none where the caller has none."""
        return [self._people(frame) for frame in frames]

    def _people(self, frame: Frame) -> People:
        boxes = self._boxes
        if isinstance(boxes, Mapping):
            given = boxes.get(frame.name, boxes.get(frame.source, ()))
        else:
            given = boxes(frame) if callable(boxes) else boxes
        if isinstance(given, People):
            return given
        rows = as_boxes(given)
        return People(rows[:, :4], rows[:, 4], 'caller')


def as_boxes(boxes: Any) -> np.ndarray:
    """Boxes with scores, float32 (N, 5), of (N, 4) or (N, 5).

    Args:
        boxes (Any): Anything that numpy can make an array of.

    Raises:
        ValueError: If it has another shape, numbers that are not finite, or
            a box without area.
    """
    rows = np.array(boxes, dtype=np.float32)
    if not rows.size:
        return np.zeros((0, 5), dtype=np.float32)
    if rows.ndim == 1:
        rows = rows[None]
    if rows.ndim != 2 or rows.shape[1] not in (4, 5):
        raise ValueError(
            '`people` must be boxes x1, y1, x2, y2, (N, 4), or with a score '
            f'(N, 5), but got the shape {rows.shape}'
        )
    if rows.shape[1] == 4:
        rows = np.hstack([rows, np.ones((len(rows), 1), dtype=np.float32)])
    sides = rows[:, 2:4] - rows[:, :2]
    if not np.isfinite(rows).all() or (sides <= 0).any():
        raise ValueError(
            '`people` must be finite boxes with x1 < x2 and y1 < y2, but got '
            f'{rows[:, :4].tolist()}. Boxes of COCO are x, y, width, height: '
            'add the first two to the last.'
        )
    return rows


class WithFallback:
    """Another locator, and what a picture is in which it finds nobody.

    Args:
        locator (Callable): The other one.
        fallback (str): 'image' takes the whole picture for a person, as the
            reference's demos do; 'none' nobody.

    Raises:
        ValueError: If ``fallback`` is neither.
    """

    def __init__(self, locator: Locator, fallback: str) -> None:
        if fallback not in FALLBACKS:
            raise ValueError(
                f'`fallback` must be one of {FALLBACKS}, but got {fallback!r}'
            )
        self.locator = locator
        self.fallback = fallback

    def __call__(self, frames: Sequence[Frame]) -> list[People]:
        """People of each picture."""
        found = self.locator(frames)
        if self.fallback == 'none':
            return found
        return [
            people if len(people) else People.whole_image(frame.size_hw)
            for people, frame in zip(found, frames)
        ]
