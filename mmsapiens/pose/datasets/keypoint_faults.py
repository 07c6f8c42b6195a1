"""Faults of the keypoints of a person.

Letters: K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.formatting import shorten
from ...keypoints.keypoint_sets import KeypointSet, field_indices, keypoint_fields
from .faults import Finding, show, to_float, to_floats

MARGIN_PX = 1.0
"""Rounding of annotation tools."""
MAX_OUTSIDE = 0.5


def read_points(annotation: dict, vocabulary: KeypointSet) -> tuple[np.ndarray, np.ndarray]:
    """Read the keypoints as far as possible.

    Args:
        annotation (dict): An entry of ``annotations``.
        vocabulary (KeypointSet): Of the file.

    Returns:
        tuple[np.ndarray, np.ndarray]: x, y and visibility (K, 3), and which of them could be read,
        bool (K,).
    """
    points = np.zeros((len(vocabulary), 3))
    given: np.ndarray = np.zeros(len(vocabulary), dtype=bool)
    indices = field_indices(vocabulary.name)
    for field in keypoint_fields(vocabulary.name):
        ids = indices[field]
        values = to_floats(annotation.get(field))
        if values is not None and len(values) == 3 * len(ids):
            points[ids], given[ids] = values.reshape(-1, 3), True
    return points, given


def check_fields(
    annotation: dict, points: np.ndarray, given: np.ndarray, vocabulary: KeypointSet
) -> Iterator[Finding]:
    """Find the faults of the fields.

    A crowd may be without keypoints, and 308 keypoints without the fields that repeat a group of
    them.

    Args:
        annotation (dict): An entry of ``annotations``.
        points (np.ndarray): What :func:`read_points` gives for it.
        given (np.ndarray): Likewise.
        vocabulary (KeypointSet): Of the file.

    Yields:
        Finding: Kind and message.
    """
    whole = keypoint_fields(vocabulary.name)
    for field, ids in field_indices(vocabulary.name).items():
        is_repeated = field not in whole
        if field not in annotation:
            if not is_repeated and annotation.get('iscrowd') != 1:
                yield 'missing_keypoints', f'there is no `{field}`'
            continue
        values = to_floats(annotation[field])
        if values is None:
            yield (
                'wrong_keypoint_value',
                f'`{field}` must be a list of numbers, but got {show(annotation[field])}',
            )
        elif len(values) != 3 * len(ids):
            yield (
                'wrong_keypoint_count',
                f'`{field}` must have {len(ids)} keypoints (x, y, '
                f'visibility), {3 * len(ids)} numbers, but got {len(values)} '
                f'numbers, {len(values) / 3:g} keypoints',
            )
        elif is_repeated and given.all() and not _is_same(values.reshape(-1, 3), points[ids]):
            yield (
                'contradictory_group',
                f'`{field}` must be the keypoints {show(ids)} of '
                '`goliath_wholebody_kpts`, but differs',
            )


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether points (K, 3) are equal as far as they are visible."""
    if not np.array_equal(a[:, 2], b[:, 2], equal_nan=True):
        return False
    visible = a[:, 2] > 0
    return np.allclose(a[visible], b[visible], rtol=0, atol=0.01, equal_nan=True)


def check_points(
    points: np.ndarray,
    box: np.ndarray | None,
    size_wh: tuple[float, float] | None,
    vocabulary: KeypointSet,
) -> Iterator[Finding]:
    """Find keypoints that are wrong by themselves.

    Args:
        points (np.ndarray): x, y in pixels and visibility, (K, 3).
        box (np.ndarray, optional): x, y, width, height in pixels, (4,).
        size_wh (tuple[float, float], optional): Size of the image.
        vocabulary (KeypointSet): Of the file.

    Yields:
        Finding: Kind and message; at most one fault is told of each point.
    """
    finite = np.isfinite(points).all(axis=1)
    allowed = _has_allowed_visibility(points, vocabulary)
    visible = finite & allowed & (points[:, 2] > 0)
    at_origin = visible & (points[:, :2] == 0).all(axis=1)
    rest = visible & ~at_origin
    outside = rest & _is_outside(points, size_wh)
    far = rest & ~outside & _is_far(points, box)
    wrong = {
        'non_finite_keypoint': (~finite, 'not finite'),
        'wrong_visibility': (finite & ~allowed, 'of a wrong visibility'),
        'keypoint_at_origin': (at_origin, 'visible at the origin'),
        'keypoint_outside': (outside, 'visible outside the image'),
        'keypoint_far_from_box': (far, 'visible far from `bbox`'),
    }
    for kind, (mask, text) in wrong.items():
        ids = np.flatnonzero(mask)
        if len(ids):
            names = [
                f'{vocabulary.keypoint_names[i]} ({", ".join(f"{x:g}" for x in points[i])})'
                for i in ids
            ]
            yield kind, f'{len(ids)} of {len(points)} {text}: {shorten(names)}'


def _has_allowed_visibility(points: np.ndarray, vocabulary: KeypointSet) -> np.ndarray:
    """Which points (K, 3) have a visibility of the layout, bool (K,)."""
    flags = points[:, 2]
    allowed = np.isin(flags, (0, 1, 2))
    if vocabulary.name == 'coco_wholebody':
        # Hands that a model labelled have its scores, which are fractions; the files use them for
        # feet, face and hands alike.
        body = np.isin(np.arange(len(flags)), vocabulary.groups['body'])
        allowed |= ~body & (flags >= 0) & (flags <= 2)
    return allowed


def _is_outside(points: np.ndarray, size_wh: tuple[float, float] | None) -> np.ndarray:
    """Which points (K, 3) are outside the image, bool (K,)."""
    if size_wh is None:
        return np.zeros(len(points), dtype=bool)
    beyond = np.maximum(-points[:, :2], points[:, :2] - size_wh)  # (K, 2)
    return beyond.max(axis=1) > MARGIN_PX


def _is_far(points: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """Which points (K, 3) are far outside the box, bool (K,)."""
    if box is None:
        return np.zeros(len(points), dtype=bool)
    beyond = np.maximum(box[:2] - points[:, :2], points[:, :2] - box[:2] - box[2:])  # (K, 2)
    return beyond.max(axis=1) > MAX_OUTSIDE * box[2:].max()


def check_count(annotation: dict, points: np.ndarray, vocabulary: KeypointSet) -> Iterator[Finding]:
    """Compare ``num_keypoints`` with the visible keypoints.

    Args:
        annotation (dict): An entry of ``annotations``.
        points (np.ndarray): x, y and visibility, (K, 3).
        vocabulary (KeypointSet): Of the file.

    Yields:
        Finding: Kind and message.
    """
    visible = points[:, 2] > 0
    body = int(visible[list(vocabulary.groups['body'])].sum())
    allowed = sorted({body, int(visible.sum())})
    if to_float(annotation.get('num_keypoints')) not in allowed:
        yield (
            'wrong_num_keypoints',
            f'`num_keypoints` must be {" or ".join(map(str, allowed))}, the '
            'keypoints with a visibility above 0, but got '
            f'{show(annotation.get("num_keypoints"))}',
        )
