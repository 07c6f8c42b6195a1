"""What the metrics of this package take from a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...structures.fields import HUMAN_MASK, Field


def image_name(sample: Mapping[str, Any]) -> str:
    """The image of a sample, for messages."""
    return str(sample.get('img_path', '(a sample without `img_path`)'))


def read_pair(sample: Mapping[str, Any], field: Field) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prediction, ground truth and human pixels of a sample.

    Everything goes to the CPU and to numpy, whose sums do not depend on the number of threads.

    Args:
        sample (Mapping[str, Any]): A data sample as a dict. The pixels of ``gt_human_mask`` count
            if it has one, or else all.
        field (Field): What to take.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Prediction and ground truth, (C, H, W) float;
        mask, bool (H, W).

    Raises:
        ValueError: If a map is missing, or not (C, H, W) of the size of the others.
    """
    maps = {}
    for name in (field.pred_name, field.gt_name, HUMAN_MASK.gt_name):
        if name in sample:
            maps[name] = sample[name]['data'].detach().cpu().float().numpy()
        elif name != HUMAN_MASK.gt_name:
            raise ValueError(
                f'the sample of {image_name(sample)} must have `{name}`, but '
                f'it has {sorted(sample)}. Pack the ground truth in the '
                'pipeline, and use the model of the task.'
            )
    pred, gt = maps[field.pred_name], maps[field.gt_name]
    size = gt.shape[-2:]
    for name, array in maps.items():
        channels = 1 if name == HUMAN_MASK.gt_name else field.channels
        if array.shape != (channels, *size):
            raise ValueError(
                f'`{name}` of {image_name(sample)} must have the shape '
                f'{(channels, *size)}, but got {array.shape}. Predictions and '
                'ground truth are compared at the size of the ground truth.'
            )
    if HUMAN_MASK.gt_name in maps:
        return pred, gt, maps[HUMAN_MASK.gt_name][0] > 0
    return pred, gt, np.ones(size, dtype=bool)


def check_finite(sample: Mapping[str, Any], pred: np.ndarray) -> None:
    """Refuse a prediction with NaN or infinity.

    Args:
        sample (Mapping[str, Any]): The data sample, for the message.
        pred (np.ndarray): Predicted values at the pixels that count.

    Raises:
        ValueError: If there is one.
    """
    bad = int((~np.isfinite(pred)).sum())
    if bad:
        raise ValueError(
            f'the prediction for {image_name(sample)} has {bad} values that '
            'are NaN or infinite among the pixels that count. Look at the '
            'checkpoint and at the precision (`--amp`).'
        )
