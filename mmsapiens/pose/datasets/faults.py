"""What can be wrong with an annotation file, and with its people. Shapes: K keypoints."""

import math
import reprlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...core import fault_report
from ...core.formatting import shorten
from ...keypoints.annotation_files import plain_id, plain_numbers
from ...keypoints.keypoint_sets import KeypointSet, field_indices, keypoint_fields
from .side_faults import Finding, check_sides

EntryId = int | str
MARGIN_PX = 1.0
"""Rounding of annotation tools."""
MAX_OUTSIDE = 0.5
MAX_AREA = 1.5
MAX_COORDINATE = 1e6
"""Beyond it a number is no pixel, and squares may overflow."""

FAULT_KINDS = {
    'not_json': 'the file is not JSON, or not a JSON object',
    'missing_list': '`images`, `annotations` or `categories` is missing, not a list, or empty',
    'malformed_entry': 'an entry of a list is not an object, or has no `id` (integer or text)',
    'wrong_names': '`keypoints` of a category are not those of the vocabulary, in its order',
    'wrong_groups': '`info.goliath_info` gives other indices of a group',
    'duplicate_image_id': 'two images have the same `id`',
    'image_without_name': 'an image has no `file_name`',
    'image_without_size': '`width` or `height` of an image is missing or not positive',
    'missing_image': 'the file of an image does not exist',
    'unreadable_image': 'the file of an image is none that can be read',
    'wrong_image_size': 'the file of an image has another size, EXIF orientation applied',
    'duplicate_annotation_id': 'two annotations have the same `id`',
    'unknown_image': '`image_id` is not that of an image',
    'unknown_category': '`category_id` is not that of a category',
    'wrong_iscrowd': '`iscrowd` is neither 0 nor 1',
    'wrong_box': '`bbox` is not a list of 4 numbers',
    'non_finite_box': '`bbox` has a number that is infinite or NaN',
    'empty_box': 'width or height of `bbox` is not positive',
    'box_outside': '`bbox` extends more than a pixel beyond the image',
    'wrong_area': '`area` is missing or not a positive number',
    'area_exceeds_box': '`area` is more than 1.5 times that of `bbox`',
    'missing_keypoints': 'a field of keypoints is missing',
    'wrong_keypoint_count': 'a field has not x, y and visibility of each keypoint of its group',
    'wrong_keypoint_value': 'a field of keypoints is not a list of numbers',
    'non_finite_keypoint': 'a coordinate or visibility is infinite or NaN',
    'wrong_visibility': 'a visibility is not 0, 1 or 2; for feet, face and hands of '
    'COCO-WholeBody, not from 0 to 2',
    'keypoint_at_origin': 'a keypoint at (0, 0) is marked visible',
    'keypoint_outside': 'a visible keypoint is more than a pixel outside the image',
    'keypoint_far_from_box': 'a visible keypoint is outside `bbox` by more than half of its '
    'longer side',
    'wrong_num_keypoints': '`num_keypoints` is neither the number of visible keypoints of the body '
    'nor that of all',
    'contradictory_group': 'the field of a group differs from `goliath_wholebody_kpts`',
    'duplicate_person': 'two annotations of an image have the same box and keypoints',
    'swapped_face': 'left and right eye, or ear, seem exchanged',
    'swapped_body': 'left and right of shoulders and hips contradict the face, which looks at the '
    'camera',
    'swapped_hands': 'a hand is away from its wrist, at the other one',
    'swapped_feet': 'a foot is away from its ankle, at the other one',
    'refused': 'datasets and evaluators refuse the file',
}
"""Kind of fault -> what it means."""


@dataclass(frozen=True)
class Fault(fault_report.Fault):
    """Something wrong in an annotation file, ``where``: ``annotations[3] (id 442619)``."""

    KINDS = FAULT_KINDS


def place(section: str, index: int, entry: object) -> str:
    """Name an entry of a list, as ``images[0] (id 785)``."""
    name = f'{section}[{index}]'
    if isinstance(entry, dict) and 'id' in entry:
        name += f' (id {show(entry["id"])})'
    return name


def show(value: object) -> str:
    """A value for a message, long ones abridged."""
    return reprlib.repr(value)


def entry_id(entry: object, key: str = 'id') -> EntryId | None:
    """The id in an entry, None if there is no usable one."""
    return plain_id(entry.get(key)) if isinstance(entry, dict) else None


def to_floats(value: object) -> np.ndarray | None:
    """A list of numbers as the datasets read it, None if it is something else."""
    values = plain_numbers(value)
    return None if values is None else np.array(values, dtype=np.float64)


def to_float(value: object) -> float:
    """A number of JSON, NaN if it is something else."""
    values = to_floats([value])
    return math.nan if values is None or len(values) != 1 else float(values[0])


@dataclass(frozen=True)
class Context:
    """What entries refer to, by id; None for a list, or the size of an image, that is missing."""

    keypoint_set: KeypointSet
    sizes_wh: Mapping[EntryId | None, tuple[float, float] | None] | None
    categories: frozenset[EntryId | None] | None


def read_points(annotation: dict, keypoint_set: KeypointSet) -> tuple[np.ndarray, np.ndarray]:
    """x, y and visibility (K, 3) of an annotation, 0 unless read, and which were, bool (K,)."""
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
    """An annotation, and what it refers to: ``points`` and ``given`` of :func:`read_points`,
    ``box`` (4,), x, y, width, height, None unless finite and of an area, ``size_wh`` of the image
    or None.
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
        known: dict[str, Container | None] = dict(
            image=self.context.sizes_wh, category=self.context.categories
        )
        for name, ids in known.items():
            value = entry_id(self.annotation, f'{name}_id')
            if ids is not None and (value is None or value not in ids):
                got = show(self.annotation.get(f'{name}_id'))
                yield f'unknown_{name}', f'`{name}_id` must be the id of an entry, but got {got}'
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
            limit = f'{MAX_AREA} times that of `bbox`, {self.box[2] * self.box[3]:g}'
            yield 'area_exceeds_box', f'`area` must be at most {limit}, but got {area:g}'

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
                continue
            if len(values) != 3 * len(ids):
                wanted = f'{len(ids)} keypoints (x, y, visibility), {3 * len(ids)} numbers'
                got = f'{len(values)} numbers, {len(values) / 3:g} keypoints'
                yield 'wrong_keypoint_count', f'`{field}` must have {wanted}, but got {got}'
                continue
            same = _is_same(values.reshape(-1, 3), self.points[ids])
            if is_repeated and self.given.all() and not same:
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
                wrong = np.flatnonzero(mask)
                found = [f'{names[i]} ({", ".join(map("{:g}".format, points[i]))})' for i in wrong]
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
            wanted = f'{" or ".join(map(str, allowed))}, the keypoints with a visibility above 0'
            text = f'`num_keypoints` must be {wanted}, but got {show(given)}'
            yield 'wrong_num_keypoints', text


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether points (K, 3) are equal as far as they are visible."""
    if not np.array_equal(a[:, 2], b[:, 2], equal_nan=True):
        return False
    visible = a[:, 2] > 0
    return np.allclose(a[visible], b[visible], rtol=0, atol=0.01, equal_nan=True)
