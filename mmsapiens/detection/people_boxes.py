"""Boxes of people that the caller has, checked.

Letters: N people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..structures.results import Image, People


def people_of_boxes(
    boxes: Any,
    size_hw: tuple[int, int],
    scores: Any = None,
    *,
    origin: str = 'caller',
    where: str = '`boxes`',
) -> People:
    """Check boxes, and cut them off at the borders of the image.

    Args:
        boxes (Any): x1, y1, x2, y2 in pixels, (N, 4), or (N, 5) with scores; an empty list for
            nobody.
        size_hw (tuple[int, int]): Height and width of the image.
        scores (Any): (N,). Defaults to None, those of the boxes or 1.
        origin (str): As in :class:`People`. Defaults to 'caller'.
        where (str): For messages. Defaults to '`boxes`'.

    Returns:
        People: In the same order.

    Raises:
        ValueError: If they are no boxes, have no area inside the image, or scores are outside of
            [0, 1].
    """
    try:
        array = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError):
        array = np.zeros(0, dtype=np.float32).reshape(1, 0)
    if array.size == 0 and array.shape != (1, 0):
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        raise ValueError(
            f'{where} must be x1, y1, x2, y2 for each person, (N, 4), or with '
            f'a score, (N, 5), but got {np.shape(array)}'
        )
    if scores is None:
        scores = array[:, 4] if array.shape[1] == 5 else np.ones(len(array))
    given: NDArray = np.asarray(scores, dtype=np.float32).reshape(-1)
    if len(given) != len(array) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            f'{where} must have {len(array)} scores in [0, 1], but got {given.tolist()}'
        )
    height, width = size_hw
    high = np.array([width, height, width, height], dtype=np.float32)
    inside = array[:, :4].clip(0, high)
    has_area = (inside[:, 2:] > inside[:, :2]).all(axis=1)
    if not (np.isfinite(array).all() and has_area.all()):
        bad = np.flatnonzero(~(has_area & np.isfinite(array).all(axis=1)))
        raise ValueError(
            f'{where}: box {bad[0]} must have an area inside the image '
            f'({width} wide, {height} high), but is '
            f'{array[bad[0], :4].tolist()} (x1, y1, x2, y2). Boxes of COCO '
            'are x, y, width, height: add x and y.'
        )
    return People(inside, given, origin)


def _plain(value: Any) -> Any:
    """An array as a list; what is none is told apart by its text."""
    plain = np.asarray(value).tolist()
    return repr(value) if plain is value else plain


def digest(content: Any) -> str:
    """The start of a hash of lists, mappings, numbers and arrays."""
    text = json.dumps(content, sort_keys=True, default=_plain)
    return sha256(text.encode()).hexdigest()[:16]


class CallerPeople:
    """Boxes that the caller has.

    Args:
        boxes (Any): For every image the same array, or a mapping of arrays by name of the
            results, path, or name of the file; arrays as in :func:`people_of_boxes`.
    """

    def __init__(self, boxes: Any) -> None:
        self.boxes = boxes

    @property
    def identity(self) -> str:
        """What manifests call these boxes; others are called otherwise."""
        boxes = self.boxes
        if isinstance(boxes, Mapping):
            boxes = {str(key): boxes[key] for key in boxes}
        return f'caller {digest(boxes)}'

    def people(self, frame: Image) -> People:
        """The people of an image.

        Raises:
            KeyError: If the mapping does not have it.
            ValueError: As in :func:`people_of_boxes`.
        """
        boxes = self.boxes
        if isinstance(boxes, Mapping):
            keys = [frame.name, frame.source, os.path.basename(frame.source)]
            found = [key for key in keys if key in boxes]
            if not found:
                raise KeyError(
                    f'the boxes have nothing for {frame.source}: give them '
                    f'under one of {list(dict.fromkeys(keys))}, an empty list '
                    'for nobody'
                )
            boxes = boxes[found[0]]
        where = f'the boxes of {frame.name}'
        return people_of_boxes(boxes, frame.size_hw, where=where)
