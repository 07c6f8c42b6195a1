"""Faults of the people of an annotation file.

Shapes: K keypoints.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...core.formatting import shorten
from ...keypoints.keypoint_sets import KeypointSet, field_indices, keypoint_fields
from .faults import EntryId, Finding, entry_id, show, to_float, to_floats
from .side_faults import check_sides

MARGIN_PX = 1.0
"""Rounding of annotation tools."""
MAX_OUTSIDE = 0.5
MAX_AREA = 1.5
MAX_COORDINATE = 1e6
"""Beyond it a number is no pixel, and squares may overflow."""


@dataclass(frozen=True)
class Context:
    """What the entries of a file refer to.

    ``sizes_wh`` is the annotated width and height of each image, None if unusable, by id;
    ``categories`` the ids of the categories. They are None if the file has no such list.
    """

    keypoint_set: KeypointSet
    sizes_wh: Mapping[EntryId | None, tuple[float, float] | None] | None
    categories: frozenset[EntryId | None] | None


def read_points(annotation: dict, keypoint_set: KeypointSet) -> tuple[np.ndarray, np.ndarray]:
    """x, y and visibility (K, 3) of an annotation, and which could be read, bool (K,).

    Those that could not are 0.
    """
    points = np.zeros((len(keypoint_set), 3))
    given: np.ndarray = np.zeros(len(keypoint_set), dtype=bool)
    indices = field_indices(keypoint_set.name)
    for field in keypoint_fields(keypoint_set.name):
        ids = indices[field]
        values = to_floats(annotation.get(field))
        if values is not None and len(values) == 3 * len(ids):
            points[ids], given[ids] = values.reshape(-1, 3), True
    return points, given


@dataclass
class Person:
    """An annotation, and what it refers to.

    ``points`` (K, 3) and ``given`` (K,) are those of :func:`read_points`; ``box`` (4,) is x, y,
    width, height, None unless finite and of an area; ``size_wh`` that of the image, None if
    unknown.
    """

    annotation: dict
    context: Context

    def __post_init__(self) -> None:
        self.points, self.given = read_points(self.annotation, self.context.keypoint_set)
        box = to_floats(self.annotation.get('bbox'))
        if box is None or len(box) != 4 or not np.isfinite(box).all() or (box[2:] <= 0).any():
            box = None
        self.box = box
        image_id = entry_id(self.annotation, 'image_id')
        sizes = self.context.sizes_wh
        self.size_wh = None if sizes is None or image_id is None else sizes.get(image_id)

    @property
    def identity(self) -> tuple:
        """What makes a person the same as another, empty if that is unknown."""
        image_id = entry_id(self.annotation, 'image_id')
        if image_id is None or self.box is None or not self.given.all():
            return ()
        return image_id, self.box.tobytes(), self.points.tobytes()

    def faults(self) -> Iterator[Finding]:
        """What is wrong, kind and message each."""
        yield from self._check_references()
        yield from self._check_box()
        yield from self._check_area()
        yield from self._check_fields()
        yield from self._check_points()
        if self.given.all():
            yield from self._check_count()
        # What cannot be read takes no part in the tests of geometry.
        usable = np.abs(self.points).max(axis=1, keepdims=True) < MAX_COORDINATE
        yield from check_sides(np.where(usable, self.points, 0), self.context.keypoint_set)

    def _check_references(self) -> Iterator[Finding]:
        known: tuple[tuple[str, str, Container | None], ...] = (
            ('unknown_image', 'image_id', self.context.sizes_wh),
            ('unknown_category', 'category_id', self.context.categories),
        )
        for kind, key, ids in known:
            value = entry_id(self.annotation, key)
            if ids is not None and (value is None or value not in ids):
                got = show(self.annotation.get(key))
                yield kind, f'`{key}` must be the id of an entry, but got {got}'
        is_crowd = self.annotation.get('iscrowd')
        if to_float(is_crowd) not in (0, 1):
            yield 'wrong_iscrowd', f'`iscrowd` must be 0 or 1, but got {show(is_crowd)}'

    def _check_box(self) -> Iterator[Finding]:
        text = f'but got {show(self.annotation.get("bbox"))}'
        found, box, size = to_floats(self.annotation.get('bbox')), self.box, self.size_wh
        if found is None or len(found) != 4:
            yield 'wrong_box', f'`bbox` must be [x, y, width, height], {text}'
        elif not np.isfinite(found).all():
            yield 'non_finite_box', f'`bbox` must have finite numbers, {text}'
        elif box is None:
            yield 'empty_box', f'`bbox` must have a width and a height, {text}'
        elif size is not None and (
            (box[:2] < -MARGIN_PX).any() or (box[:2] + box[2:] > np.add(size, MARGIN_PX)).any()
        ):
            inside = f'inside the image of {size[0]:g} x {size[1]:g} pixels'
            yield 'box_outside', f'`bbox` must be {inside}, {text}'

    def _check_area(self) -> Iterator[Finding]:
        given = self.annotation.get('area')
        area = to_float(given)
        if not 0 < area < float('inf'):
            yield 'wrong_area', f'`area` must be a positive number, but got {show(given)}'
        elif self.box is not None and area > MAX_AREA * self.box[2] * self.box[3]:
            yield (
                'area_exceeds_box',
                f'`area` must be at most {MAX_AREA} times that of `bbox`, '
                f'{self.box[2] * self.box[3]:g}, but got {area:g}',
            )

    def _check_fields(self) -> Iterator[Finding]:
        """A crowd may be without keypoints, 308 without the fields that repeat a group of them."""
        name = self.context.keypoint_set.name
        whole = keypoint_fields(name)
        for field, ids in field_indices(name).items():
            is_repeated = field not in whole
            if field not in self.annotation:
                if not is_repeated and self.annotation.get('iscrowd') != 1:
                    yield 'missing_keypoints', f'there is no `{field}`'
                continue
            values = to_floats(self.annotation[field])
            if values is None:
                got = show(self.annotation[field])
                yield 'wrong_keypoint_value', f'`{field}` must be a list of numbers, but got {got}'
            elif len(values) != 3 * len(ids):
                yield (
                    'wrong_keypoint_count',
                    f'`{field}` must have {len(ids)} keypoints (x, y, visibility), {3 * len(ids)} '
                    f'numbers, but got {len(values)} numbers, {len(values) / 3:g} keypoints',
                )
            elif (
                is_repeated
                and self.given.all()
                and not _is_same(values.reshape(-1, 3), self.points[ids])
            ):
                whole_of = f'{show(ids)} of `goliath_wholebody_kpts`'
                yield 'contradictory_group', f'`{field}` must be {whole_of}, but differs'

    def _check_points(self) -> Iterator[Finding]:
        """Keypoints that are wrong by themselves; each is reported once."""
        points, names = self.points, self.context.keypoint_set.keypoint_names
        at, size, box = points[:, :2], self.size_wh, self.box
        finite = np.isfinite(points).all(axis=1)
        allowed = self._has_allowed_visibility()
        visible = finite & allowed & (points[:, 2] > 0)
        at_origin = visible & (at == 0).all(axis=1)
        rest = visible & ~at_origin
        outside: np.ndarray = np.zeros(len(points), dtype=bool)
        far = outside
        if size is not None:
            outside = rest & (np.maximum(-at, at - size).max(axis=1) > MARGIN_PX)
        if box is not None:
            beyond = np.maximum(box[:2] - at, at - box[:2] - box[2:]).max(axis=1)
            far = rest & ~outside & (beyond > MAX_OUTSIDE * box[2:].max())
        for kind, mask, text in (
            ('non_finite_keypoint', ~finite, 'not finite'),
            ('wrong_visibility', finite & ~allowed, 'of a wrong visibility'),
            ('keypoint_at_origin', at_origin, 'visible at the origin'),
            ('keypoint_outside', outside, 'visible outside the image'),
            ('keypoint_far_from_box', far, 'visible far from `bbox`'),
        ):
            if mask.any():
                found = [
                    f'{names[i]} ({", ".join(f"{x:g}" for x in points[i])})'
                    for i in np.flatnonzero(mask)
                ]
                yield kind, f'{len(found)} of {len(points)} {text}: {shorten(found)}'

    def _has_allowed_visibility(self) -> np.ndarray:
        """Which keypoints have a visibility of the layout, bool (K,)."""
        flags = self.points[:, 2]
        allowed = np.isin(flags, (0, 1, 2))
        if self.context.keypoint_set.name == 'coco_wholebody':
            # Hands that a model labelled have its scores, which are fractions; the files use them
            # for feet, face and hands alike.
            body = np.isin(np.arange(len(flags)), self.context.keypoint_set.groups['body'])
            allowed |= ~body & (flags >= 0) & (flags <= 2)
        return allowed

    def _check_count(self) -> Iterator[Finding]:
        visible = self.points[:, 2] > 0
        body = int(visible[list(self.context.keypoint_set.groups['body'])].sum())
        allowed = sorted({body, int(visible.sum())})
        given = self.annotation.get('num_keypoints')
        if to_float(given) not in allowed:
            yield (
                'wrong_num_keypoints',
                f'`num_keypoints` must be {" or ".join(map(str, allowed))}, the '
                f'keypoints with a visibility above 0, but got {show(given)}',
            )


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether points (K, 3) are equal as far as they are visible."""
    if not np.array_equal(a[:, 2], b[:, 2], equal_nan=True):
        return False
    visible = a[:, 2] > 0
    return np.allclose(a[visible], b[visible], rtol=0, atol=0.01, equal_nan=True)
