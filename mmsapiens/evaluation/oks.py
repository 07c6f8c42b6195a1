"""Average precision and recall by OKS, for any list of keypoints.

Shapes: K keypoints of the set, E keypoints that are evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

FIGURES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)')
"""Names of the figures, in the order of ``COCOeval.stats``."""


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
        raise ValueError(
            f'`keypoints` must be (K, 3) with K > {ids.max()}, the highest of `keypoint_ids`, '
            f'but got {points.shape}'
        )
    if not np.isfinite(points[ids]).all():
        # COCOeval would take NaN for a match.
        raise ValueError(
            f'`keypoints` must be finite, but got {(~np.isfinite(points[ids])).sum()} other '
            f'values in image {entry["image_id"]}'
        )
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

    The keypoints are handed to it as plain ``keypoints`` with their own sigmas, so that it needs no
    patch for a vocabulary it does not know. A person without any labelled keypoint of the list is
    ignored, and so is a detection whose keypoints of the list all have score 0 or less.

    Args:
        gt (Sequence[Mapping]): Persons: ``image_id``; ``keypoints`` (K, 3) of x, y in pixels and
            visibility, > 0 is labelled; ``bbox`` x, y, width, height in pixels; ``area`` in px^2,
            unless ``use_area`` is False; optionally ``iscrowd``.
        detections (Sequence[Mapping]): Persons found: ``image_id``; ``keypoints`` (K, 3) of x, y in
            pixels and score; ``score`` of the person; optionally ``area`` in px^2, which decides
            about unmatched ones in the figures of a size range. The default is the box around the
            keypoints of the list.
        keypoint_ids (Sequence[int]): The E keypoints to evaluate, indices into the K.
        sigmas (Sequence[float]): Of these E keypoints.
        image_ids (Iterable[int], optional): Images that count. Defaults to all that have a person
            or a detection.
        use_area (bool): OKS with ``area`` rather than 0.53 times that of ``bbox``. Defaults to
            True.

    Returns:
        dict[str, float]: The ten :data:`FIGURES`, from 0 to 1; -1 if there is no ground truth, or
        none in the size range.

    Raises:
        ImportError: If xtcocotools is not installed; the extra ``pose`` has it.
        ValueError: If there are no ``keypoint_ids``, not one sigma for each, arrays of another
            shape, persons without area, or detections in images that are not among ``image_ids``.
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
        evaluation = COCOeval(
            _coco(COCO(), persons, images),
            _coco(COCO(), found, images),
            'keypoints',
            np.asarray(sigmas, dtype=np.float64),
            use_area,
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) for name, value in zip(FIGURES, evaluation.stats)}
