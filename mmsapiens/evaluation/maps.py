"""Measures of dense maps: areas of classes, errors of depth, angles of normals.

Shapes: C classes, P pixels.
"""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.depth_alignment import fit_scale_shift
from ..ops.unit_vectors import angles_deg

DEPTH_FIGURES = ('rmse', 'abs_rel', 'd1', 'd2', 'd3', 'sq_rel', 'rmse_log', 'log10', 'silog')
DEPTH_SPACES = ('depth', 'disparity')
EPS = 1e-6  # Smallest aligned depth, or disparity, in figures that divide by it
STEPS_PER_DEGREE = 1000  # Resolution of the histograms from which medians are read

_BINS = 180 * STEPS_PER_DEGREE + 1
_BLOCK = 2**18  # Pixels that are converted to float64 at once


def mean(values: Iterable[float]) -> float:
    """Mean, rounded once, so that it does not depend on the order; NaN of none."""
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def class_areas(
    pred: np.ndarray, label: np.ndarray, num_classes: int, ignore_index: int = 255
) -> np.ndarray:
    """Areas of each class in one image, int64 (4, C); those of several images add up.

    Args:
        pred (np.ndarray): Predicted class ids, any shape.
        label (np.ndarray): True ones, of the same shape.
        num_classes (int): Number of classes C.
        ignore_index (int): Label of pixels that do not count. Defaults to 255.

    Returns:
        np.ndarray: Pixels of intersection, union, prediction and label.
    """
    counted = label != ignore_index
    pred, label = pred[counted], label[counted]
    intersection, of_pred, of_label = (
        np.bincount(ids, minlength=num_classes) for ids in (label[pred == label], pred, label)
    )
    return np.stack([intersection, of_pred + of_label - intersection, of_pred, of_label])


def iou_figures(areas: np.ndarray) -> dict[str, float]:
    """``aAcc``, ``mIoU`` and ``mAcc`` in percent, of a sum of :func:`class_areas`.

    A class that occurs neither in the labels nor in the predictions is left out of the means.
    """
    intersection, union, _, of_label = areas.astype(np.float64)
    with np.errstate(divide='ignore', invalid='ignore'):
        iou, accuracy = intersection / union, intersection / of_label
        overall = intersection.sum() / of_label.sum()
    figures = overall, np.nanmean(iou), np.nanmean(accuracy)
    return {name: 100 * float(value) for name, value in zip(('aAcc', 'mIoU', 'mAcc'), figures)}


def depth_figures(pred: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """The figures of one image, as in the stock ``DepthMetric``; d1, d2, d3 are in [0, 1].

    Args:
        pred (np.ndarray): Aligned depth, float64 (P), P > 0. Values below :data:`EPS` are raised to
            it in the figures with a ratio or a logarithm of it: d1 to d3, rmse_log, log10, silog.
        target (np.ndarray): True depth above 0, likewise.
    """
    error = pred - target
    positive = np.maximum(pred, EPS)
    ratio = np.maximum(positive / target, target / positive)
    log = np.log(positive) - np.log(target)
    figures = dict(
        rmse=math.sqrt((error**2).mean()),
        abs_rel=float((np.abs(error) / target).mean()),
        sq_rel=float((error**2 / target).mean()),
        rmse_log=math.sqrt((log**2).mean()),
        log10=float(np.abs(log).mean()) / math.log(10),
        silog=math.sqrt(max((log**2).mean() - 0.5 * log.mean() ** 2, 0.0)),
    )
    for power in (1, 2, 3):
        figures[f'd{power}'] = float((ratio < 1.25**power).mean())
    return figures


def evaluate_depth(
    pred: np.ndarray,
    target: np.ndarray,
    *,
    align: str = 'scale_shift',
    space: str = 'depth',
    max_depth: float = math.inf,
) -> dict[str, float]:
    """Align the depth of one image, and measure it.

    Args:
        pred (np.ndarray): Predicted depth, or disparity, (P).
        target (np.ndarray): True depth above 0, (P).
        align (str): One of :data:`~.ops.depth_alignment.ALIGNMENTS`. Defaults to 'scale_shift'.
        space (str): 'depth', or 'disparity' to fit to 1 / ``target`` and to take the reciprocal as
            depth. Defaults to 'depth'.
        max_depth (float): Disparities are at least its reciprocal. Defaults to infinity.

    Returns:
        dict[str, float]: :func:`depth_figures`, and ``raised``, the number of aligned values that
        were not above 0; empty without pixels.
    """
    if not target.size:
        return {}
    pred, target = pred.astype(np.float64), target.astype(np.float64)
    is_depth = space == 'depth'
    scale, shift = fit_scale_shift(pred, target if is_depth else 1 / target, align)
    aligned = scale * pred + shift
    floor = EPS if is_depth else max(EPS, 1 / max_depth)
    raised = float((aligned < floor).sum())
    if not is_depth:
        aligned = 1 / np.maximum(aligned, floor)
    return dict(depth_figures(aligned, target), raised=raised)


def histogram_median(counts: np.ndarray) -> float:
    """Median in degrees of values that were rounded to steps, from the number at each; or NaN."""
    total = int(counts.sum())
    if not total:
        return math.nan
    below = np.cumsum(counts)  # values up to each step
    low, high = (
        int(np.searchsorted(below, rank, side='right')) for rank in ((total - 1) // 2, total // 2)
    )
    return (low + high) / (2 * STEPS_PER_DEGREE)


def measure_angles(
    pred: np.ndarray, target: np.ndarray, thresholds: Sequence[float]
) -> dict[str, Any]:
    """What one image adds to :func:`normal_figures`; the compressed histogram has some 300 KB.

    Args:
        pred (np.ndarray): Vectors of any length, (3, P); one of length 0 counts as 90 degrees.
        target (np.ndarray): Vectors above length 0, (3, P).
        thresholds (Sequence[float]): Angles in degrees.
    """
    counts: np.ndarray = np.zeros(_BINS, dtype=np.uint32)
    within: np.ndarray = np.zeros(len(thresholds), dtype=np.int64)
    sums = []
    for start in range(0, pred.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        angles = np.nan_to_num(angles_deg(pred[:, block], target[:, block]), nan=90)
        steps = np.rint(angles * STEPS_PER_DEGREE).astype(np.int64)
        counts += np.bincount(steps, minlength=_BINS).astype('u4')
        within += [(angles < limit).sum() for limit in thresholds]
        sums.append(float(angles.sum()))
    return dict(
        pixels=pred.shape[1],
        sum=math.fsum(sums),
        median=histogram_median(counts),
        within=within.tolist(),
        counts=zlib.compress(counts.tobytes(), 1),
    )


def normal_figures(
    images: Iterable[Mapping[str, Any]], thresholds: Sequence[float]
) -> dict[str, float]:
    """Pool the pixels of images, and average over images.

    ``pixel/`` and ``image/`` with ``mean`` and ``median`` in degrees, and ``a5``, the percentage of
    angles below 5 degrees, for each threshold; NaN if no pixel counts.

    Args:
        images (Iterable[Mapping[str, Any]]): What :func:`measure_angles` gives for each.
        thresholds (Sequence[float]): As given there.
    """
    counted = [image for image in images if image['pixels']]
    counts: np.ndarray = np.zeros(_BINS, dtype=np.int64)
    for image in counted:
        counts += np.frombuffer(zlib.decompress(image['counts']), 'u4')
    # Not 0 / 0, an error in Python, but NaN.
    pixels = sum(image['pixels'] for image in counted) or math.nan
    pooled = {
        'pixel/mean': math.fsum(image['sum'] for image in counted) / pixels,
        'pixel/median': histogram_median(counts),
    }
    averaged = {
        'image/mean': mean(image['sum'] / image['pixels'] for image in counted),
        'image/median': mean(image['median'] for image in counted),
    }
    for i, threshold in enumerate(thresholds):
        within = [(image['within'][i], image['pixels']) for image in counted]
        pooled[f'pixel/a{threshold:g}'] = 100 * sum(number for number, _ in within) / pixels
        averaged[f'image/a{threshold:g}'] = 100 * mean(number / of for number, of in within)
    return {**pooled, **averaged}
