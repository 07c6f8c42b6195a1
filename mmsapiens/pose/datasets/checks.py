"""What can be wrong with annotations; errors that name file and entry."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.formatting import shorten

_DETECTION_KEYS = {'image_id', 'category_id', 'bbox', 'score'}


def is_local(path: str) -> bool:
    """Whether a path is one of the local disk, not of another backend."""
    return '://' not in path


def check_file(argument: str, path: str, remedy: str) -> None:
    """Refuse a local file that is missing, naming the setting and the remedy."""
    if is_local(path) and not os.path.isfile(path):
        raise FileNotFoundError(f'`{argument}` of the dataset does not exist: {path}. {remedy}')


def check_json(argument: str, path: str, keys: Sequence[str] = ()) -> None:
    """Refuse a file that is not JSON with the lists ``keys``, or without these, not a list."""
    try:
        with open(path, encoding='utf-8') as file:
            doc = json.load(file)
    except ValueError as error:
        with open(path, 'rb') as file:
            start = file.read(40)
        raise ValueError(
            f'`{argument}` of the dataset is not JSON: {path} starts with {start!r} ({error})'
        ) from None
    if keys and not (isinstance(doc, dict) and set(keys) <= set(doc)):
        got = sorted(doc) if isinstance(doc, dict) else type(doc).__name__
        raise ValueError(
            f'`{argument}` of the dataset must be a COCO file with the keys '
            f'{list(keys)}, but {path} has {got}'
        )
    if not keys and not isinstance(doc, list):
        raise ValueError(
            f'`{argument}` of the dataset must be a list of detections, but '
            f'{path} holds a {type(doc).__name__}'
        )


def check_detections(bbox_file: str, ann_file: str) -> None:
    """Refuse a list of detections that is incomplete, or of other images than the COCO file."""
    with open(bbox_file, encoding='utf-8') as file:
        detections = json.load(file)
    with open(ann_file, encoding='utf-8') as file:
        known = {image['id'] for image in json.load(file)['images']}
    for index, detection in enumerate(detections):
        missing = _DETECTION_KEYS - set(detection)
        if missing:
            raise ValueError(f'{bbox_file}: detection {index} has no {sorted(missing)}')
        if detection['image_id'] not in known:
            raise ValueError(
                f'{bbox_file}: detection {index} is of the image '
                f'{detection["image_id"]}, which {ann_file} does not have. '
                'Use the detections of the same set of images.'
            )


def check_annotation(
    path: str,
    annotation: Mapping[str, Any],
    image: Mapping[str, Any],
    num_keypoints: int,
    fields: Sequence[str],
) -> None:
    """Refuse an annotation of the file ``path`` that the stock reader would misread.

    If width or height of its image are missing, if its box has not 4 numbers, or ``fields``, the
    lists that hold its keypoints together, not 3 for each of ``num_keypoints``.
    """
    for key in ('width', 'height'):
        if not image.get(key):
            raise ValueError(
                f'{path}: image {image["id"]} must give `{key}` in pixels, but got {image.get(key)}'
            )
    is_person = any(f in annotation for f in ('keypoints', *fields))
    if 'bbox' not in annotation or not is_person:
        return  # the stock reader leaves it out
    where = f'{path}: annotation {annotation["id"]}'
    if len(annotation['bbox']) != 4:
        raise ValueError(
            f'{where} must have a `bbox` [x, y, width, height], but got {annotation["bbox"]}'
        )
    missing = [field for field in fields if field not in annotation]
    if missing:
        raise ValueError(
            f'{where} must have {shorten([f"`{f}`" for f in missing])}. Use '
            'an annotation file of this vocabulary, or the dataset of this file.'
        )
    count = sum(len(annotation[field]) for field in fields)
    if count != 3 * num_keypoints:
        raise ValueError(
            f'{where} must have {num_keypoints} keypoints (x, y, v), '
            f'{3 * num_keypoints} numbers, but got {count} numbers, '
            f'{count / 3:g} keypoints. Give the dataset the `metainfo` of '
            'these annotations, and `out_channels` of the head their number.'
        )


def flat_boxes(instances: Iterable[Mapping[str, Any]]) -> list:
    """Ids of the people whose ``bbox`` (1, 4), x1, y1, x2, y2, has no area inside the image."""
    return [
        instance['id']
        for instance in instances
        if instance.get('num_keypoints', 1)
        and not instance.get('iscrowd')
        and np.any(instance['bbox'][:, 2:] <= instance['bbox'][:, :2])
    ]


def check_flip_indices(where: str, metainfo: Mapping[str, Any]) -> None:
    """Refuse parsed metainfo whose left and right keypoints do not point at each other."""
    count, flip = metainfo['num_keypoints'], list(metainfo['flip_indices'])
    names = metainfo['keypoint_id2name']
    if sorted(flip) == list(range(count)):
        wrong = [names[i] for i in range(count) if flip[flip[i]] != i]
    else:
        wrong = [names[i] for i in range(count) if flip.count(i) != 1]
    if wrong:
        raise ValueError(
            f'`flip_indices` of {where} must swap keypoints in pairs, but '
            f'these are in none or in several: {shorten(wrong)}. Check `swap` '
            'of the `keypoint_info` in its metainfo.'
        )
