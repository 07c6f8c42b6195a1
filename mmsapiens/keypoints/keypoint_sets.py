"""Sets of keypoints, and how they correspond.

========================  ====  ==========================================
name                      K     what it is
========================  ====  ==========================================
``coco``                  17    body
``coco_wholebody``        133   body, feet, face, hands
``goliath308``            308   the keypoints of Sapiens
``openpose25``            25    OpenPose's BODY_25
``openpose_wholebody``    137   BODY_25, face 70, hands 21 each
========================  ====  ==========================================

The sets are the JSON files beside this one. Two keypoints correspond if they have the same name, or
are listed in ``coco_wholebody_to_goliath308.json``. A point without a counterpart is invisible, but
for the neck and mid-hip of OpenPose, which are middles by definition. Shapes: N people, K
keypoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

KEYPOINT_SETS = ('coco', 'coco_wholebody', 'goliath308', 'openpose25', 'openpose_wholebody')
ANNOTATED_SETS = ('coco', 'coco_wholebody', 'goliath308')
"""Those that annotation files are written in."""
NO_MATCH = -1
GROUPS = ('body', 'foot', 'face', 'left_hand', 'right_hand')


@dataclass(frozen=True)
class KeypointSet:
    """Names and relations of the keypoints of a dataset.

    Attributes:
        name (str): One of :data:`KEYPOINT_SETS`, or that of a dataset of one's own.
        keypoint_names (tuple[str, ...]): K names, by index.
        flip_indices (tuple[int, ...]): For each keypoint its counterpart of the other side, itself
            if it is in the middle.
        groups (Mapping[str, tuple[int, ...]]): Indices of the groups of :data:`GROUPS` that it has,
            in the order of its annotation files, and ``extra`` for the rest.
        sigmas (tuple[float, ...]): Standard deviations of annotators for OKS; empty if it has none.
        links (tuple[tuple[int, int], ...]): Pairs of indices to draw.
        midpoints (Mapping[str, tuple[str, str]]): Points that are the middle of two others by
            definition.
        annotation_fields (Mapping[str, str]): Field of an annotation -> the group that it holds, or
            'all'. A field with all keypoints comes first, and those of groups repeat it.
        colors (tuple[tuple[int, int, int], ...]): RGB of the keypoints; empty where the groups tell
            it.
        link_colors (tuple[tuple[int, int, int], ...]): Likewise of the links.
    """

    name: str
    keypoint_names: tuple[str, ...]
    flip_indices: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    sigmas: tuple[float, ...] = ()
    links: tuple[tuple[int, int], ...] = ()
    midpoints: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    annotation_fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    colors: tuple[tuple[int, int, int], ...] = ()
    link_colors: tuple[tuple[int, int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.keypoint_names)

    def subset(self, indices: Sequence[int]) -> KeypointSet:
        """Some of the keypoints, as a set of their own; links between others are left out."""
        place = {int(index): number for number, index in enumerate(indices)}
        links = [n for n, (a, b) in enumerate(self.links) if a in place and b in place]
        return KeypointSet(
            name=self.name,
            keypoint_names=tuple(self.keypoint_names[index] for index in place),
            flip_indices=tuple(place.get(self.flip_indices[i], place[i]) for i in place),
            groups={g: tuple(place[i] for i in n if i in place) for g, n in self.groups.items()},
            sigmas=tuple(self.sigmas[index] for index in place) if self.sigmas else (),
            links=tuple((place[self.links[n][0]], place[self.links[n][1]]) for n in links),
            colors=tuple(self.colors[index] for index in place) if self.colors else (),
            link_colors=tuple(self.link_colors[n] for n in links) if self.link_colors else (),
        )


@cache
def _read(name: str) -> dict[str, Any]:
    """A file of this folder."""
    return json.loads((Path(__file__).parent / f'{name}.json').read_text(encoding='utf-8'))


@cache
def get_keypoint_set(name: str | KeypointSet) -> KeypointSet:
    """Look a keypoint set up, one of :data:`KEYPOINT_SETS`; a set is given back as it is.

    Returns:
        KeypointSet: The same object at every call.

    Raises:
        KeyError: If the name is unknown.
    """
    if isinstance(name, KeypointSet):
        return name
    if name not in KEYPOINT_SETS:
        raise KeyError(f'`name` must be one of {list(KEYPOINT_SETS)}, but got {name!r}')
    doc = _read(name)
    points = doc['keypoints']
    index = {point['name']: number for number, point in enumerate(points)}
    return KeypointSet(
        name=name,
        keypoint_names=tuple(index),
        flip_indices=tuple(index[point['swap'] or point['name']] for point in points),
        groups={group: tuple(ids) for group, ids in doc['groups'].items()},
        # In single precision, as MMPose's, so that OKS is the same to the last bit.
        sigmas=tuple(float(np.float32(p['sigma'])) for p in points if 'sigma' in p),
        links=tuple((index[a], index[b]) for a, b in (row['link'] for row in doc['skeleton'])),
        midpoints={point: tuple(ends) for point, ends in doc.get('midpoints', {}).items()},
        annotation_fields=doc.get('annotation_fields', {}),
    )


def set_of_dataset(metainfo: Mapping[str, Any], count: int) -> KeypointSet:
    """The keypoints of a dataset, in the form of MMPose's parsed metainfo or of plain JSON: one of
    ours where names and flips are the same. What is missing, or of another number than ``count``,
    is numbered.
    """
    found = metainfo.get('keypoint_id2name') or {}
    names = tuple(str(name) for _, name in sorted((int(k), v) for k, v in found.items()))
    if len(names) != count:
        return KeypointSet('keypoints', tuple(map(str, range(count))), tuple(range(count)))

    def rows(key: str, length: int | None = None) -> tuple[Any, ...]:
        found = tuple(tuple(map(int, row)) for row in metainfo.get(key, ()))
        return found if length in (None, len(found)) else ()

    flips = tuple(int(index) for index in metainfo.get('flip_indices', range(count)))
    for name in KEYPOINT_SETS:
        known = get_keypoint_set(name)
        if (known.keypoint_names, known.flip_indices) == (names, flips):
            return known
    links = rows('skeleton_links')
    return KeypointSet(
        name=str(metainfo.get('dataset_name') or 'keypoints'),
        keypoint_names=names,
        flip_indices=flips,
        sigmas=tuple(float(each) for each in metainfo.get('sigmas', ())),
        links=links,
        colors=rows('keypoint_colors', count),
        link_colors=rows('skeleton_link_colors', len(links)),
    )


def field_indices(name: str) -> dict[str, list[int]]:
    """Field of annotations -> indices of its keypoints, of one of :data:`ANNOTATED_SETS`."""
    if name not in ANNOTATED_SETS:
        raise KeyError(f'`vocabulary` must be one of {list(ANNOTATED_SETS)}, but got {name!r}')
    points = get_keypoint_set(name)
    groups, everything = points.groups, range(len(points))
    fields = points.annotation_fields.items()
    return {field: list(groups.get(group, everything)) for field, group in fields}


def keypoint_fields(name: str) -> tuple[str, ...]:
    """Fields of annotations that hold all keypoints of a set together."""
    fields = get_keypoint_set(name).annotation_fields
    whole = tuple(field for field, group in fields.items() if group == 'all')
    return whole or tuple(fields)


def read_metainfo(name: str) -> dict[str, Any]:
    """One of :data:`ANNOTATED_SETS` as ``METAINFO`` of MMPose's datasets."""
    field_indices(name)  # refuses other sets
    doc = _read(name)
    points = doc['keypoints']
    keys = ('name', 'id', 'color', 'type', 'swap')
    return dict(
        dataset_name=doc['dataset_name'],
        paper_info=doc['paper_info'],
        keypoint_info={point['id']: {key: point[key] for key in keys} for point in points},
        skeleton_info={
            index: dict(link, link=tuple(link['link']), id=index)
            for index, link in enumerate(doc['skeleton'])
        },
        joint_weights=[point.get('weight', 1.0) for point in points],
        sigmas=[point['sigma'] for point in points],
    )


@cache
def correspondences(source: str, target: str) -> tuple[int, ...]:
    """For each keypoint of a set its counterpart in another one.

    Args:
        source (str): Set that keypoints are taken from.
        target (str): Set that keypoints are wanted in.

    Returns:
        tuple[int, ...]: Indices in ``source``, one for each keypoint of ``target``; -1 where there
        is no counterpart.
    """
    pairs = _read('coco_wholebody_to_goliath308')['pairs']
    other = {pair['goliath308']: pair['coco_wholebody'] for pair in pairs}
    ours = get_keypoint_set(source).keypoint_names
    index = {other.get(name, name): number for number, name in enumerate(ours)}
    names = get_keypoint_set(target).keypoint_names
    return tuple(index.get(other.get(name, name), NO_MATCH) for name in names)


def converter_mapping(source: str, target: str) -> list[tuple[int, int]]:
    """``mapping`` for MMPose's ``KeypointConverter``: pairs (index in source, in target)."""
    pairs = enumerate(correspondences(source, target))
    return [(src, dst) for dst, src in pairs if src != NO_MATCH]


def convert_keypoints(
    keypoints: np.ndarray, scores: np.ndarray, source: str, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """Express keypoints in another set.

    Args:
        keypoints (np.ndarray): Coordinates (N, K, D) in ``source``.
        scores (np.ndarray): Scores or visibilities (N, K); 0 is invisible.
        source (str): Set of ``keypoints``.
        target (str): Set wanted.

    Returns:
        tuple[np.ndarray, np.ndarray]: Coordinates (N, K', D) and scores (N, K'); both are 0 for
        points without a counterpart. A midpoint has the lower score of its two points.

    Raises:
        ValueError: If the number of keypoints is not that of ``source``.
    """
    given, wanted = get_keypoint_set(source), get_keypoint_set(target)
    if keypoints.shape[1] != len(given) or scores.shape[1] != len(given):
        text = f'`keypoints` and `scores` must have {len(given)} keypoints ({source})'
        raise ValueError(f'{text}, but got {keypoints.shape[1]} and {scores.shape[1]}')
    index = np.array(correspondences(source, target))
    found = index != NO_MATCH
    points = np.where(found[:, None], keypoints[:, index], 0)
    values = np.where(found, scores[:, index], 0)
    for name, ends in wanted.midpoints.items():
        number = wanted.keypoint_names.index(name)
        if not found[number]:
            two = [given.keypoint_names.index(end) for end in ends]
            values[:, number] = scores[:, two].min(axis=1)
            middle = keypoints[:, two].mean(axis=1)
            points[:, number] = middle * (values[:, number, None] > 0)
    return points.astype(keypoints.dtype), values.astype(scores.dtype)


def common_keypoints() -> dict[str, tuple[tuple[int, int], ...]]:
    """The 114 points common to COCO-WholeBody and the 308 of Sapiens, as in Table 3 of the `paper
    <https://arxiv.org/abs/2408.12569>`_; which these are is inferred.

    Returns:
        dict[str, tuple]: Group -> pairs (index in COCO-WholeBody, index in 308).
    """
    index = correspondences('goliath308', 'coco_wholebody')
    groups = get_keypoint_set('coco_wholebody').groups.items()
    return {g: tuple((i, index[i]) for i in ids if index[i] != NO_MATCH) for g, ids in groups}
