"""Faults of the people of an annotation file.

Letters: K keypoints.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...keypoints.keypoint_sets import KeypointSet
from .faults import EntryId, Finding, entry_id, show, to_float, to_floats
from .keypoint_faults import MARGIN_PX, check_count, check_fields, check_points, read_points
from .side_faults import check_sides

MAX_AREA = 1.5
MAX_COORDINATE = 1e6
"""Beyond it a number is no pixel, and squares may overflow."""


@dataclass(frozen=True)
class Context:
    """What the entries of a file refer to.

    Attributes:
        vocabulary (KeypointSet): Of the file.
        sizes_wh (Mapping, optional): Id of an image -> its annotated width and height, None if
            these are unusable. None if the file has no images.
        categories (frozenset, optional): Ids of the categories. None if the file has none.
    """

    vocabulary: KeypointSet
    sizes_wh: Mapping[EntryId, tuple[float, float] | None] | None
    categories: frozenset[EntryId] | None


@dataclass(frozen=True)
class Person:
    """Of an annotation what could be read.

    Attributes:
        box (np.ndarray, optional): x, y, width, height in pixels, (4,).
        points (np.ndarray): x, y in pixels and visibility, (K, 3).
        given (np.ndarray): Which keypoints could be read, bool (K,).
    """

    box: np.ndarray | None
    points: np.ndarray
    given: np.ndarray


def read_person(annotation: dict, vocabulary: KeypointSet) -> Person:
    """Read box and keypoints as far as possible.

    Args:
        annotation (dict): An entry of ``annotations``.
        vocabulary (KeypointSet): Of the file.

    Returns:
        Person: With a box only if that is finite and has an area.
    """
    box = to_floats(annotation.get('bbox'))
    if box is None or len(box) != 4 or not np.isfinite(box).all() or (box[2:] <= 0).any():
        box = None
    return Person(box, *read_points(annotation, vocabulary))


def check_annotation(annotation: dict, person: Person, context: Context) -> Iterator[Finding]:
    """Find the faults of an annotation.

    Args:
        annotation (dict): An entry of ``annotations``.
        person (Person): What :func:`read_person` gives for it.
        context (Context): What it refers to.

    Yields:
        Finding: Kind and message.
    """
    vocabulary, points = context.vocabulary, person.points
    yield from _check_references(annotation, context)
    size_wh = None
    image_id = entry_id(annotation, 'image_id')
    if context.sizes_wh is not None and image_id is not None:
        size_wh = context.sizes_wh.get(image_id)
    yield from _check_box(annotation, person.box, size_wh)
    yield from _check_area(annotation, person.box)
    yield from check_fields(annotation, points, person.given, vocabulary)
    yield from check_points(points, person.box, size_wh, vocabulary)
    if person.given.all():
        yield from check_count(annotation, points, vocabulary)
    # What cannot be read takes no part in the tests of geometry.
    usable = np.abs(points).max(axis=1, keepdims=True) < MAX_COORDINATE
    yield from check_sides(np.where(usable, points, 0), vocabulary)


def _check_references(annotation: dict, context: Context) -> Iterator[Finding]:
    known: tuple[tuple[str, str, Container[EntryId] | None], ...] = (
        ('unknown_image', 'image_id', context.sizes_wh),
        ('unknown_category', 'category_id', context.categories),
    )
    for kind, key, ids in known:
        value = entry_id(annotation, key)
        if ids is not None and (value is None or value not in ids):
            yield (kind, f'`{key}` must be the id of an entry, but got {show(annotation.get(key))}')
    if to_float(annotation.get('iscrowd')) not in (0, 1):
        yield (
            'wrong_iscrowd',
            f'`iscrowd` must be 0 or 1, but got {show(annotation.get("iscrowd"))}',
        )


def _check_box(
    annotation: dict, box: np.ndarray | None, size_wh: tuple[float, float] | None
) -> Iterator[Finding]:
    text = f'but got {show(annotation.get("bbox"))}'
    found = to_floats(annotation.get('bbox'))
    if found is None or len(found) != 4:
        yield 'wrong_box', f'`bbox` must be [x, y, width, height], {text}'
    elif not np.isfinite(found).all():
        yield 'non_finite_box', f'`bbox` must have finite numbers, {text}'
    elif box is None:
        yield 'empty_box', f'`bbox` must have a width and a height, {text}'
    elif size_wh is not None and (
        (box[:2] < -MARGIN_PX).any() or (box[:2] + box[2:] > np.add(size_wh, MARGIN_PX)).any()
    ):
        yield (
            'box_outside',
            f'`bbox` must be inside the image of {size_wh[0]:g} x {size_wh[1]:g} pixels, {text}',
        )


def _check_area(annotation: dict, box: np.ndarray | None) -> Iterator[Finding]:
    area = to_float(annotation.get('area'))
    if not 0 < area < float('inf'):
        yield (
            'wrong_area',
            f'`area` must be a positive number, but got {show(annotation.get("area"))}',
        )
    elif box is not None and area > MAX_AREA * box[2] * box[3]:
        yield (
            'area_exceeds_box',
            f'`area` must be at most {MAX_AREA} times that of `bbox`, '
            f'{box[2] * box[3]:g}, but got {area:g}',
        )
