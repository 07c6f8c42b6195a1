"""Keypoint vocabularies, and how they relate.

========================  ====  ==========================================
name                      K     what it is
========================  ====  ==========================================
``coco``                  17    body
``coco_wholebody``        133   body, feet, face, hands
``goliath308``            308   the vocabulary of Sapiens
``openpose25``            25    OpenPose's BODY_25
``openpose_wholebody``    137   BODY_25, face 70, hands 21 each
========================  ====  ==========================================

Two keypoints are matches if they have the same name, or are listed in
``coco_wholebody_to_goliath308.json``. A point without a match is never guessed: it is
marked invisible. The two exceptions are by definition: the neck of OpenPose is the middle of the
shoulders and its mid-hip that of the hips, where a vocabulary has no such point.

Letters: N people, K keypoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.datasets.datasets.utils import parse_pose_metainfo

METAINFO_FOLDER = Path(__file__).parent
NO_MATCH = -1
GROUPS = ('body', 'foot', 'face', 'left_hand', 'right_hand')

_GROUP_FIELDS = {
    'keypoints': 'body',
    'foot_kpts': 'foot',
    'face_kpts': 'face',
    'lefthand_kpts': 'left_hand',
    'righthand_kpts': 'right_hand',
}
ANNOTATION_FIELDS: dict[str, dict[str, str]] = {
    'coco': {'keypoints': 'body'},
    'coco_wholebody': _GROUP_FIELDS,
    'goliath308': {'goliath_wholebody_kpts': 'all', **_GROUP_FIELDS},
}
"""Set -> field of an annotation -> the group that it holds. A field with all keypoints comes
first, and those of groups repeat it."""

_STOCK = {
    'coco': 'configs/_base_/datasets/coco.py',
    'coco_wholebody': 'configs/_base_/datasets/coco_wholebody.py',
}
_WHOLEBODY_RANGES = {
    'body': (0, 17),
    'foot': (17, 23),
    'face': (23, 91),
    'left_hand': (91, 112),
    'right_hand': (112, 133),
}
_OPENPOSE_BODY = [
    'nose',
    'neck',
    'right_shoulder',
    'right_elbow',
    'right_wrist',
    'left_shoulder',
    'left_elbow',
    'left_wrist',
    'mid_hip',
    'right_hip',
    'right_knee',
    'right_ankle',
    'left_hip',
    'left_knee',
    'left_ankle',
    'right_eye',
    'left_eye',
    'right_ear',
    'left_ear',
    'left_big_toe',
    'left_small_toe',
    'left_heel',
    'right_big_toe',
    'right_small_toe',
    'right_heel',
]
_OPENPOSE_PUPILS = ('r_center_of_pupil', 'l_center_of_pupil')
MIDPOINTS = {'neck': ('left_shoulder', 'right_shoulder'), 'mid_hip': ('left_hip', 'right_hip')}
"""Points of OpenPose that are the middle of two others by definition."""


@dataclass(frozen=True)
class KeypointSet:
    """Names and relations of the keypoints of a dataset.

    Attributes:
        name (str): One of :data:`KEYPOINT_SETS`.
        keypoint_names (tuple[str, ...]): K names, by index.
        flip_indices (tuple[int, ...]): For each keypoint its counterpart of the other side, itself
            if it is in the middle.
        groups (Mapping[str, tuple[int, ...]]): Indices of the groups of :data:`GROUPS` that it has,
            in the order of its annotation files, and ``extra`` for the rest.
        sigmas (tuple[float, ...]): Standard deviations of annotators for OKS; empty if it has none.
        links (tuple[tuple[int, int], ...]): Pairs of indices to draw.
    """

    name: str
    keypoint_names: tuple[str, ...]
    flip_indices: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]]
    sigmas: tuple[float, ...] = ()
    links: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.keypoint_names)


def field_indices(name: str) -> dict[str, list[int]]:
    """Where annotation files keep the keypoints of a vocabulary.

    Args:
        name (str): A key of :data:`ANNOTATION_FIELDS`.

    Returns:
        dict[str, list[int]]: Field -> indices of its keypoints, in the order of its numbers.

    Raises:
        KeyError: If no annotation layout is known.
    """
    if name not in ANNOTATION_FIELDS:
        raise KeyError(f'`vocabulary` must be one of {list(ANNOTATION_FIELDS)}, but got {name!r}')
    vocabulary = get_keypoint_set(name)
    everything = range(len(vocabulary))
    return {
        field: list(vocabulary.groups.get(group, everything))
        for field, group in ANNOTATION_FIELDS[name].items()
    }


def keypoint_fields(name: str) -> tuple[str, ...]:
    """Fields that hold all keypoints of a vocabulary together.

    Args:
        name (str): A key of :data:`ANNOTATION_FIELDS`.
    """
    fields = ANNOTATION_FIELDS[name]
    whole = tuple(field for field, group in fields.items() if group == 'all')
    return whole or tuple(fields)


def read_metainfo(name: str) -> dict[str, Any]:
    """Metainfo of a vocabulary as MMPose's datasets want it.

    Args:
        name (str): 'coco', 'coco_wholebody' or 'goliath308'.

    Returns:
        dict[str, Any]: For ``METAINFO`` of a dataset.

    Raises:
        KeyError: If there is none of that name.
    """
    if name in _STOCK:
        return dict(from_file=_STOCK[name])
    path = METAINFO_FOLDER / f'{name}.json'
    if not path.is_file():
        known = [*_STOCK, *(p.stem for p in METAINFO_FOLDER.glob('*308.json'))]
        raise KeyError(f'`name` must be one of {sorted(set(known))}, but got {name!r}')
    doc = json.loads(path.read_text(encoding='utf-8'))
    fields = ('name', 'id', 'color', 'type', 'swap')
    return dict(
        dataset_name=doc['dataset_name'],
        paper_info=doc['paper_info'],
        keypoint_info={
            point['id']: {field: point[field] for field in fields} for point in doc['keypoints']
        },
        skeleton_info={
            index: dict(link, link=tuple(link['link']), id=index)
            for index, link in enumerate(doc['skeleton'])
        },
        joint_weights=[1.0] * len(doc['keypoints']),
        sigmas=[point['sigma'] for point in doc['keypoints']],
    )


def _from_metainfo(name: str, groups: Mapping) -> KeypointSet:
    meta = parse_pose_metainfo(read_metainfo(name))
    count = meta['num_keypoints']
    return KeypointSet(
        name=name,
        keypoint_names=tuple(meta['keypoint_id2name'][index] for index in range(count)),
        flip_indices=tuple(map(int, meta['flip_indices'])),
        groups={group: tuple(ids) for group, ids in groups.items()},
        sigmas=tuple(map(float, meta['sigmas'])),
        links=tuple((int(a), int(b)) for a, b in meta['skeleton_links']),
    )


def _coco() -> KeypointSet:
    return _from_metainfo('coco', {'body': range(17)})


def _coco_wholebody() -> KeypointSet:
    groups = {name: range(*r) for name, r in _WHOLEBODY_RANGES.items()}
    return _from_metainfo('coco_wholebody', groups)


def _goliath308() -> KeypointSet:
    path = METAINFO_FOLDER / 'goliath308.json'
    doc = json.loads(path.read_text(encoding='utf-8'))
    return _from_metainfo('goliath308', doc['groups'])


def _mirrored_name(name: str) -> str:
    """The name with left and right exchanged."""
    for left, right in (('left_', 'right_'), ('l_', 'r_')):
        if name.startswith(left):
            return right + name[len(left) :]
        if name.startswith(right):
            return left + name[len(right) :]
    return name


def _openpose(name: str, names: list[str], groups: Mapping) -> KeypointSet:
    wholebody = get_keypoint_set('coco_wholebody')
    mirror = {
        point: wholebody.keypoint_names[other]
        for point, other in zip(wholebody.keypoint_names, wholebody.flip_indices)
    }
    index = {point: number for number, point in enumerate(names)}
    return KeypointSet(
        name=name,
        keypoint_names=tuple(names),
        flip_indices=tuple(index[mirror.get(point, _mirrored_name(point))] for point in names),
        groups={group: tuple(ids) for group, ids in groups.items()},
    )


def _openpose25() -> KeypointSet:
    groups = {'body': range(19), 'foot': range(19, 25)}
    return _openpose('openpose25', list(_OPENPOSE_BODY), groups)


def _openpose_wholebody() -> KeypointSet:
    wholebody = get_keypoint_set('coco_wholebody')
    parts = {
        group: [wholebody.keypoint_names[i] for i in wholebody.groups[group]]
        for group in ('face', 'left_hand', 'right_hand')
    }
    parts['face'] += _OPENPOSE_PUPILS
    names, groups = list(_OPENPOSE_BODY), dict(_openpose25().groups)
    for group, points in parts.items():
        groups[group] = tuple(range(len(names), len(names) + len(points)))
        names += points
    return _openpose('openpose_wholebody', names, groups)


KEYPOINT_SETS = {
    'coco': _coco,
    'coco_wholebody': _coco_wholebody,
    'goliath308': _goliath308,
    'openpose25': _openpose25,
    'openpose_wholebody': _openpose_wholebody,
}
"""Name -> function that makes the vocabulary."""


@cache
def get_keypoint_set(name: str) -> KeypointSet:
    """Look a vocabulary up.

    Args:
        name (str): A key of :data:`KEYPOINT_SETS`.

    Returns:
        KeypointSet: The same object at every call.

    Raises:
        KeyError: If the name is unknown.
    """
    if name not in KEYPOINT_SETS:
        raise KeyError(f'`name` must be one of {list(KEYPOINT_SETS)}, but got {name!r}')
    return KEYPOINT_SETS[name]()


@cache
def _other_names() -> dict[str, str]:
    """Names of the 308 points -> those of the same points of COCO-WholeBody, where they differ."""
    path = METAINFO_FOLDER / 'coco_wholebody_to_goliath308.json'
    pairs = json.loads(path.read_text(encoding='utf-8'))['pairs']
    return {pair['goliath308']: pair['coco_wholebody'] for pair in pairs}


@cache
def correspondences(source: str, target: str) -> tuple[int, ...]:
    """For each keypoint of a vocabulary its match in another one.

    Args:
        source (str): KeypointSet that keypoints are taken from.
        target (str): KeypointSet that keypoints are wanted in.

    Returns:
        tuple[int, ...]: Indices in ``source``, one for each keypoint of ``target``; -1 where there
        is no match.
    """
    other = _other_names()
    index = {
        other.get(name, name): number
        for number, name in enumerate(get_keypoint_set(source).keypoint_names)
    }
    return tuple(
        index.get(other.get(name, name), NO_MATCH)
        for name in get_keypoint_set(target).keypoint_names
    )


def converter_mapping(source: str, target: str) -> list[tuple[int, int]]:
    """``mapping`` for MMPose's ``KeypointConverter``.

    Args:
        source (str): KeypointSet of a dataset.
        target (str): KeypointSet to train in.

    Returns:
        list[tuple[int, int]]: Pairs (index in source, index in target).
    """
    return [
        (src, dst) for dst, src in enumerate(correspondences(source, target)) if src != NO_MATCH
    ]


def convert_keypoints(
    keypoints: np.ndarray, scores: np.ndarray, source: str, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """Express keypoints in another vocabulary.

    Args:
        keypoints (np.ndarray): Coordinates (N, K, D) in ``source``.
        scores (np.ndarray): Scores or visibilities (N, K); 0 is invisible.
        source (str): KeypointSet of ``keypoints``.
        target (str): KeypointSet wanted.

    Returns:
        tuple[np.ndarray, np.ndarray]: Coordinates (N, K', D) and scores (N, K'); both are 0 for
        points without a match. A midpoint has the lower score of its two points.

    Raises:
        ValueError: If the number of keypoints is not that of ``source``.
    """
    count = len(get_keypoint_set(source))
    if keypoints.shape[1] != count or scores.shape[1] != count:
        raise ValueError(
            f'`keypoints` and `scores` must have {count} keypoints '
            f'({source}), but got {keypoints.shape[1]} and {scores.shape[1]}'
        )
    index = np.array(correspondences(source, target))
    found = index != NO_MATCH
    points = np.where(found[:, None], keypoints[:, index], 0)
    values = np.where(found, scores[:, index], 0)
    names = get_keypoint_set(source).keypoint_names
    for number, name in enumerate(get_keypoint_set(target).keypoint_names):
        is_midpoint = target.startswith('openpose') and name in MIDPOINTS
        if found[number] or not is_midpoint:
            continue
        ends = [names.index(end) for end in MIDPOINTS[name]]
        values[:, number] = scores[:, ends].min(axis=1)
        middle = keypoints[:, ends].mean(axis=1)
        points[:, number] = middle * (values[:, number, None] > 0)
    return points.astype(keypoints.dtype), values.astype(scores.dtype)


def common_keypoints() -> dict[str, tuple[tuple[int, int], ...]]:
    """The 114 points common to COCO-WholeBody and the 308 vocabulary.

    The protocol of Table 3 of the `paper <https://arxiv.org/abs/2408.12569>`_; which points these
    are is inferred, see ``coco_wholebody_to_goliath308.json``.

    Returns:
        dict[str, tuple]: Group -> pairs (index in COCO-WholeBody, index in 308).
    """
    index = correspondences('goliath308', 'coco_wholebody')
    groups = get_keypoint_set('coco_wholebody').groups
    return {
        group: tuple((i, index[i]) for i in ids if index[i] != NO_MATCH)
        for group, ids in groups.items()
    }
