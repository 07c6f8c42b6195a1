"""Which keypoints whole-body evaluation uses, and where files keep them.

Shapes: N people, K keypoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..keypoints.keypoint_sets import (
    GROUPS,
    NO_MATCH,
    common_keypoints,
    convert_keypoints,
    correspondences,
    field_indices,
    get_keypoint_set,
    keypoint_fields,
)

WHOLEBODY = ('coco_wholebody', 'goliath308')
"""Vocabularies that can be evaluated, in the order of the pairs of :func:`common_keypoints`."""

PROTOCOLS = ('all', 'common114')


def read_keypoints(annotation: Mapping[str, Any], vocabulary: str) -> np.ndarray:
    """x, y and visibility (K, 3) of an annotation of a COCO style file, by index.

    Raises:
        ValueError: If the annotation is of another vocabulary.
    """
    indices = field_indices(vocabulary)
    points = np.zeros((len(get_keypoint_set(vocabulary)), 3))
    for key in keypoint_fields(vocabulary):
        ids = indices[key]
        numbers = np.asarray(annotation.get(key, ()), dtype=np.float64)
        if numbers.size != 3 * len(ids):
            raise ValueError(
                f'annotation {annotation.get("id")} must have {3 * len(ids)} numbers in {key!r} '
                f'(vocabulary {vocabulary!r}), but got {numbers.size}; is the file of another '
                'vocabulary?'
            )
        points[ids] = numbers.reshape(-1, 3)
    return points


def write_keypoints(points: np.ndarray, vocabulary: str) -> dict[str, list[float]]:
    """The inverse of :func:`read_keypoints`: key -> numbers x, y, value of each keypoint."""
    return {key: points[ids].ravel().tolist() for key, ids in field_indices(vocabulary).items()}


def evaluated_keypoints(vocabulary: str, pred_vocabulary: str, protocol: str) -> list[int]:
    """Ascending indices in the vocabulary of the truth that predictions are compared on.

    ``protocol`` is 'all', those that predictions have, or 'common114', the
    :func:`common_keypoints`.
    """
    if protocol == 'common114':
        side = WHOLEBODY.index(vocabulary)
        pairs = [pair for part in common_keypoints().values() for pair in part]
        return sorted(pair[side] for pair in pairs)
    index = correspondences(pred_vocabulary, vocabulary)
    return [i for i, match in enumerate(index) if match != NO_MATCH]


def evaluated_groups(vocabulary: str, keypoint_ids: Sequence[int]) -> dict[str, list[int]]:
    """Keypoints of body, foot, face, hands, hand (both in one instance) and wholebody (all)."""
    kept = set(keypoint_ids)
    described = get_keypoint_set(vocabulary).groups
    groups = {group: [i for i in described[group] if i in kept] for group in GROUPS}
    groups['hand'] = groups['left_hand'] + groups['right_hand']
    groups['wholebody'] = list(keypoint_ids)
    return groups


def convert_by_equal_names(
    keypoints: np.ndarray, scores: np.ndarray, source: str, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`convert_keypoints`, but only points of the same name.

    That is what the `reference <https://github.com/facebookresearch/sapiens>`_ does: 53 of the 133
    points of COCO-WholeBody get a prediction from 308, the others are at (0, 0) with score 0.
    """
    points, values = convert_keypoints(keypoints, scores, source, target)
    known = set(get_keypoint_set(source).keypoint_names)
    names = get_keypoint_set(target).keypoint_names
    others = [index for index, name in enumerate(names) if name not in known]
    points[:, others] = 0
    values[:, others] = 0
    return points, values
