"""Faults of predictions that would give wrong figures without a word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...keypoints.keypoint_sets import get_keypoint_set


def check_prediction(
    data_sample: Mapping[str, Any], images: Mapping[int, Mapping[str, Any]], vocabulary: str
) -> None:
    """Raise if a sample does not fit the annotation file or vocabulary.

    Args:
        data_sample (Mapping): With ``img_id`` and ``pred_instances``, whose ``keypoints`` are (N,
            K, 2), and optionally ``img_path``.
        images (Mapping): Image id -> entry of the annotation file.
        vocabulary (str): That of the predictions.

    Raises:
        ValueError: If the image is not in the file, or there under another file name; if K is not
            that of ``vocabulary``; if a coordinate is not finite.
    """
    image_id = data_sample['img_id']
    name = Path(data_sample.get('img_path') or '').name
    image = images.get(image_id)
    if image is None or name not in ('', _file_name(image, name)):
        raise ValueError(
            f'image {image_id} {name} of the predictions is not in the '
            'annotation file; of several datasets in one run choose by '
            '`dataset_name` or `img_folder`'
        )
    points = np.asarray(data_sample['pred_instances']['keypoints'])
    count = len(get_keypoint_set(vocabulary))
    if points.ndim != 3 or points.shape[1] != count:
        raise ValueError(
            f'predictions must be (N, {count}, 2), `pred_vocabulary` being '
            f'{vocabulary!r}, but got {points.shape} for image {image_id}'
        )
    if not np.isfinite(points).all():
        raise ValueError(
            f'predictions must be finite, but got '
            f'{(~np.isfinite(points)).sum()} other values for image '
            f'{image_id}'
        )


def _file_name(image: Mapping[str, Any], default: str) -> str:
    return Path(image.get('file_name', default)).name
