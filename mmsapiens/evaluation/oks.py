"""Average precision and recall by OKS, for any list of keypoints, and those of whole bodies.

Shapes: N people, K keypoints of the set, E keypoints that are evaluated.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from ..keypoints import keypoint_sets as sets

FIGURES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)')
"""Names of the figures, in the order of ``COCOeval.stats``."""
WHOLEBODY = ('coco_wholebody', 'goliath308')
"""Vocabularies that can be evaluated, in the order of the pairs of :func:`common_keypoints`."""

PROTOCOLS = ('all', 'common114')


def _coco(coco: Any, entries: list[dict[str, Any]], image_ids: Iterable[int]) -> Any:
    coco.dataset = dict(
        images=[dict(id=image_id) for image_id in image_ids],
        categories=[dict(id=1, name='person')],
        annotations=[dict(e, id=n, category_id=1) for n, e in enumerate(entries, start=1)],
    )
    coco.createIndex()
    return coco


def _selected(entry: Mapping[str, Any], ids: np.ndarray) -> np.ndarray:
    """The keypoints ``ids`` of an entry, float64 (E, 3)."""
    points = np.asarray(entry['keypoints'], dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) <= ids.max():
        wanted = f'(K, 3) with K > {ids.max()}, the highest of `keypoint_ids`'
        raise ValueError(f'`keypoints` must be {wanted}, but got {points.shape}')
    if others := (~np.isfinite(points[ids])).sum():  # COCOeval would take NaN for a match
        where = f'image {entry["image_id"]}'
        raise ValueError(f'`keypoints` must be finite, but got {others} other values in {where}')
    return points[ids]


def evaluate_oks(
    gt: Sequence[Mapping[str, Any]],
    detections: Sequence[Mapping[str, Any]],
    keypoint_ids: Sequence[int],
    sigmas: Sequence[float],
    *,
    image_ids: Iterable[int] | None = None,
    use_area: bool = True,
) -> dict[str, float]:
    """AP and AR of a list of keypoints, with the stock ``COCOeval``.

    They are handed to it as plain ``keypoints`` with their own sigmas. A person without any
    labelled keypoint of the list is ignored, and so is a detection whose keypoints of the list all
    have score 0 or less.

    Args:
        gt (Sequence[Mapping]): Persons: ``image_id``; ``keypoints`` (K, 3) of x, y in pixels and
            visibility, > 0 is labelled; ``bbox`` x, y, width, height in pixels; ``area`` in px^2,
            unless ``use_area`` is False; optionally ``iscrowd``.
        detections (Sequence[Mapping]): Persons found: ``image_id``; ``keypoints`` (K, 3) of x, y in
            pixels and score; ``score`` of the person; optionally ``area`` in px^2, by default that
            of the keypoints' box, for the figures of a size range.
        keypoint_ids (Sequence[int]): The E keypoints to evaluate, indices into the K.
        sigmas (Sequence[float]): Of these E keypoints.
        image_ids (Iterable[int], optional): Images that count. Defaults to all with entries.
        use_area (bool): OKS with ``area``, not 0.53 times that of ``bbox``. Defaults to True.

    Returns:
        dict[str, float]: The ten :data:`FIGURES`, from 0 to 1; -1 if there is no ground truth, or
        none in the size range.

    Raises:
        ImportError: If xtcocotools is not installed; the extra ``pose`` has it.
        ValueError: If arguments do not fit together, or persons have no area.
    """
    ids = np.asarray(keypoint_ids, dtype=np.int64)
    if len(ids) == 0 or len(ids) != len(sigmas):
        raise ValueError(
            '`sigmas` must have one value for each of `keypoint_ids`, at least one, but got '
            f'{len(sigmas)} for {len(ids)} keypoints'
        )
    if use_area and any('area' not in person for person in gt):
        raise ValueError('persons of `gt` must have an `area`, or set `use_area=False`')
    seen = {entry['image_id'] for entry in (*gt, *detections)}
    images = seen if image_ids is None else set(image_ids)
    strangers = {entry['image_id'] for entry in detections} - images
    if strangers:
        raise ValueError(
            '`detections` must be in images of the ground truth, but got image ids '
            f'{sorted(strangers)[:5]}'
        )
    persons = [
        {key: person[key] for key in ('image_id', 'bbox', 'area') if key in person}
        | dict(iscrowd=int(person.get('iscrowd', 0)), keypoints=_selected(person, ids).ravel())
        for person in gt
    ]
    found = []
    for detection in detections:
        points = _selected(detection, ids)
        extent = float(np.prod(np.ptp(points[:, :2], axis=0)))  # px^2
        entry = dict(image_id=detection['image_id'], score=float(detection['score']))
        found.append(dict(entry, keypoints=points.ravel(), area=detection.get('area', extent)))
    try:
        from xtcocotools.coco import COCO
        from xtcocotools.cocoeval import COCOeval
    except ModuleNotFoundError as error:  # a compiled package that nothing else in the core needs
        raise ImportError(
            f'AP by OKS needs xtcocotools, but {error}. Install the extra: '
            'pip install "mmsapiens[pose]"'
        ) from error
    with redirect_stdout(StringIO()):
        sides = _coco(COCO(), persons, images), _coco(COCO(), found, images)
        evaluation = COCOeval(*sides, 'keypoints', np.asarray(sigmas, dtype=np.float64), use_area)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) for name, value in zip(FIGURES, evaluation.stats)}


def read_keypoints(annotation: Mapping[str, Any], vocabulary: str) -> np.ndarray:
    """x, y, visibility (K, 3) of an annotation; ValueError if it is of another vocabulary."""
    indices = sets.field_indices(vocabulary)
    points = np.zeros((len(sets.get_keypoint_set(vocabulary)), 3))
    for key in sets.keypoint_fields(vocabulary):
        ids = indices[key]
        numbers = np.asarray(annotation.get(key, ()), dtype=np.float64)
        if numbers.size != 3 * len(ids):
            raise ValueError(
                f'annotation {annotation.get("id")} must have {3 * len(ids)} numbers in {key!r} of '
                f'{vocabulary!r}, but got {numbers.size}; is the file of another vocabulary?'
            )
        points[ids] = numbers.reshape(-1, 3)
    return points


def write_keypoints(points: np.ndarray, vocabulary: str) -> dict[str, list[float]]:
    """The inverse of :func:`read_keypoints`: key -> numbers x, y, value of each keypoint."""
    indices = sets.field_indices(vocabulary)
    return {key: points[ids].ravel().tolist() for key, ids in indices.items()}


def evaluated_keypoints(vocabulary: str, pred_vocabulary: str, protocol: str) -> list[int]:
    """Ascending indices in the vocabulary of the truth that predictions are compared on: by
    ``protocol`` 'all' that they have, or 'common114', the :func:`common_keypoints`."""
    if protocol == 'common114':
        side = WHOLEBODY.index(vocabulary)
        pairs = [pair for part in sets.common_keypoints().values() for pair in part]
        return sorted(pair[side] for pair in pairs)
    return [target for _, target in sets.converter_mapping(pred_vocabulary, vocabulary)]


def evaluated_groups(vocabulary: str, keypoint_ids: Sequence[int]) -> dict[str, list[int]]:
    """Keypoints of body, foot, face, hands, hand (both in one instance) and wholebody (all)."""
    kept = set(keypoint_ids)
    described = sets.get_keypoint_set(vocabulary).groups
    groups = {group: [i for i in described[group] if i in kept] for group in sets.GROUPS}
    groups['hand'] = groups['left_hand'] + groups['right_hand']
    groups['wholebody'] = list(keypoint_ids)
    return groups


def convert_by_equal_names(
    keypoints: np.ndarray, scores: np.ndarray, source: str, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`convert_keypoints`, but only points of the same name, as the `reference
    <https://github.com/facebookresearch/sapiens>`_ does: 53 of the 133 points of COCO-WholeBody get
    a prediction from 308, the others are at (0, 0) with score 0."""
    points, values = sets.convert_keypoints(keypoints, scores, source, target)
    known = set(sets.get_keypoint_set(source).keypoint_names)
    names = sets.get_keypoint_set(target).keypoint_names
    others = [index for index, name in enumerate(names) if name not in known]
    points[:, others] = 0
    values[:, others] = 0
    return points, values
