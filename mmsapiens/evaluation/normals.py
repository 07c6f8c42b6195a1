"""Angles between predicted and true normals.

Shapes: P pixels.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.unit_vectors import angles_deg
from .means import mean

STEPS_PER_DEGREE = 1000
"""Resolution of the histograms from which medians are read."""

_BINS = 180 * STEPS_PER_DEGREE + 1
_BLOCK = 2**18
"""Pixels that are converted to float64 at once."""


def histogram_median(counts: np.ndarray) -> float:
    """Median of values that were rounded to steps.

    Args:
        counts (np.ndarray): Number of values at each step, int64, from 0 in steps of 1 /
            STEPS_PER_DEGREE degrees.

    Returns:
        float: Degrees, the mean of the two middle values of an even number; NaN of none.
    """
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
    """What one image adds to the figures of :func:`normal_figures`.

    Args:
        pred (np.ndarray): Vectors of any length, (3, P); one of length 0 counts as 90 degrees.
        target (np.ndarray): Vectors above length 0, (3, P).
        thresholds (Sequence[float]): Angles in degrees.

    Returns:
        dict[str, Any]: Number of pixels, sum and median of the angles, the number below each
        threshold, and the compressed histogram, at most some 300 KB.
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

    Args:
        images (Iterable[Mapping[str, Any]]): What :func:`measure_angles` gives for each; those
            without pixels do not count.
        thresholds (Sequence[float]): As given there.

    Returns:
        dict[str, float]: ``pixel/`` and ``image/`` with ``mean`` and ``median`` in degrees, and
        ``a5``, the percentage of angles below 5 degrees, for each threshold; NaN if no pixel
        counts.
    """
    counted = [image for image in images if image['pixels']]
    counts: np.ndarray = np.zeros(_BINS, dtype=np.int64)
    for image in counted:
        counts += np.frombuffer(zlib.decompress(image['counts']), 'u4')
    # Not 0 / 0, an error in Python, but NaN.
    pixels = sum(image['pixels'] for image in counted) or math.nan
    figures = {
        'pixel/mean': math.fsum(image['sum'] for image in counted) / pixels,
        'pixel/median': histogram_median(counts),
    }
    for i, threshold in enumerate(thresholds):
        within = sum(image['within'][i] for image in counted)
        figures[f'pixel/a{threshold:g}'] = 100 * within / pixels
    figures['image/mean'] = mean(image['sum'] / image['pixels'] for image in counted)
    figures['image/median'] = mean(image['median'] for image in counted)
    for i, threshold in enumerate(thresholds):
        shares = (image['within'][i] / image['pixels'] for image in counted)
        figures[f'image/a{threshold:g}'] = 100 * mean(shares)
    return figures
