"""Intersection over union of classes, from integer counts.

Shapes: C classes.
"""

from __future__ import annotations

import numpy as np


def class_areas(
    pred: np.ndarray, label: np.ndarray, num_classes: int, ignore_index: int = 255
) -> np.ndarray:
    """Areas of each class in one image; those of several images add up.

    Args:
        pred (np.ndarray): Predicted class ids, any shape.
        label (np.ndarray): True ones, of the same shape.
        num_classes (int): Number of classes C.
        ignore_index (int): Label of pixels that do not count. Defaults to 255.

    Returns:
        np.ndarray: Pixels of the intersection, the union, the prediction and the label, int64
        (4, C).
    """
    counted = label != ignore_index
    pred, label = pred[counted], label[counted]
    intersection, of_pred, of_label = (
        np.bincount(ids, minlength=num_classes) for ids in (label[pred == label], pred, label)
    )
    return np.stack([intersection, of_pred + of_label - intersection, of_pred, of_label])


def iou_figures(areas: np.ndarray) -> dict[str, float]:
    """Figures of the areas of all images.

    Args:
        areas (np.ndarray): A sum of :func:`class_areas`, (4, C).

    Returns:
        dict[str, float]: ``aAcc``, ``mIoU`` and ``mAcc`` in percent. A class that occurs neither in
        the labels nor in the predictions is left out of the means.
    """
    intersection, union, _, of_label = areas.astype(np.float64)
    with np.errstate(divide='ignore', invalid='ignore'):
        iou, accuracy = intersection / union, intersection / of_label
        overall = intersection.sum() / of_label.sum()
    return dict(
        aAcc=100 * float(overall),
        mIoU=100 * float(np.nanmean(iou)),
        mAcc=100 * float(np.nanmean(accuracy)),
    )
