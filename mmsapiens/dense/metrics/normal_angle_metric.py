"""Angles between predicted and true surface normals."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ...registry import METRICS
from ...structures.fields import NORMAL_MAP
from .sample_maps import check_finite, mean, read_pair

STEPS_PER_DEGREE = 1000
"""Resolution of the histograms from which medians are read."""

_BINS = 180 * STEPS_PER_DEGREE + 1
_BLOCK = 2**18
"""Pixels that are converted to float64 at once."""


def angles_deg(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Angles between vectors.

    Args:
        pred (np.ndarray): Vectors of any length (3, P). One of length 0 has no direction and counts
            as 90 degrees.
        target (np.ndarray): Vectors above length 0, likewise.

    Returns:
        np.ndarray: Degrees in [0, 180], float64 (P), exact also near 0 and 180, where the arc
        cosine is not.
    """
    pred, target = pred.astype(np.float64), target.astype(np.float64)
    cross = np.cross(pred, target, axis=0)
    sine = np.sqrt((cross**2).sum(axis=0))
    cosine = (pred * target).sum(axis=0)
    angles = np.degrees(np.arctan2(sine, cosine))
    angles[(pred == 0).all(axis=0)] = 90
    return angles


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


@METRICS.register_module()
class NormalAngleMetric(BaseMetric):
    """Mean and median angular error, and the share within some angles.

    Every figure is given twice: ``pixel/...`` pools the valid pixels of all images, ``image/...``
    is the mean of the images' own figures. The `paper <https://arxiv.org/abs/2408.12569>`_ does not
    say which it reports. The names are ``mean`` and ``median`` in degrees, and ``a5``, ``a7.5``,
    ..., the percentage of pixels with an angle below 5, 7.5, ... degrees.

    Valid are pixels whose true normal is longer than 0.5 and shorter than 2, and, if a sample has
    ``gt_human_mask``, inside the mask. Predictions may have any length; one of length 0 counts as
    90 degrees. Prediction and ground truth must be of one frame. An image without a valid pixel is
    left out and counted in the log.

    Medians are read from histograms with steps of 0.001 degrees, means and shares from the angles
    themselves. An image leaves its histogram, compressed to at most some 300 KB, so that a pooled
    median over thousands of photographs fits in memory and does not depend on the number of ranks.

    Args:
        thresholds (Sequence[float]): Angles in degrees. Defaults to (5, 7.5,
            11.25, 22.5, 30).
        collect_device (str): As in stock metrics. Defaults to 'cpu'.
        prefix (str, optional): Put in front of the names. Defaults to None.

    Raises:
        ValueError: If a threshold is not in (0, 180].
    """

    def __init__(
        self,
        thresholds: Sequence[float] = (5, 7.5, 11.25, 22.5, 30),
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if not all(0 < threshold <= 180 for threshold in thresholds):
            raise ValueError(
                f'`thresholds` must be angles above 0 and up to 180 degrees, but got {thresholds}'
            )
        self.thresholds = tuple(thresholds)

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Measure the angles of each image of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[Mapping[str, Any]]): Each with ``pred_normal_map`` and
                ``gt_normal_map``, (3, H, W), and perhaps ``gt_human_mask``.

        Raises:
            ValueError: If a map is missing or of another size, or a prediction is not finite at a
                valid pixel.
        """
        for sample in data_samples:
            pred, gt, mask = read_pair(sample, NORMAL_MAP)
            length = np.sqrt((gt**2).sum(axis=0))
            valid = mask & (length > 0.5) & (length < 2)
            pred, gt = pred[:, valid], gt[:, valid]  # (3, P)
            check_finite(sample, pred)
            self.results.append(self._measure(pred, gt))

    def _measure(self, pred: np.ndarray, gt: np.ndarray) -> dict[str, Any]:
        """What one image adds to the figures."""
        counts: np.ndarray = np.zeros(_BINS, dtype=np.uint32)
        within: np.ndarray = np.zeros(len(self.thresholds), dtype=np.int64)
        sums = []
        for start in range(0, pred.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            angles = angles_deg(pred[:, block], gt[:, block])
            steps = np.rint(angles * STEPS_PER_DEGREE).astype(np.int64)
            counts += np.bincount(steps, minlength=_BINS).astype('u4')
            within += [(angles < limit).sum() for limit in self.thresholds]
            sums.append(float(angles.sum()))
        return dict(
            pixels=pred.shape[1],
            sum=math.fsum(sums),
            median=histogram_median(counts),
            within=within.tolist(),
            counts=zlib.compress(counts.tobytes(), 1),
        )

    def compute_metrics(self, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Pool pixels, and average over images.

        Args:
            results (Sequence[Mapping[str, Any]]): What each image adds.

        Returns:
            dict[str, float]: Name -> figure; NaN if no pixel counts.
        """
        counted = [result for result in results if result['pixels']]
        print_log(
            f'Angles of the normals of {len(counted)} images; '
            f'{len(results) - len(counted)} images without a valid pixel are '
            'left out',
            logger='current',
        )
        figures = dict(self._pooled(counted))
        figures['image/mean'] = mean(r['sum'] / r['pixels'] for r in counted)
        figures['image/median'] = mean(r['median'] for r in counted)
        for i, threshold in enumerate(self.thresholds):
            figures[f'image/a{threshold:g}'] = 100 * mean(
                r['within'][i] / r['pixels'] for r in counted
            )
        return figures

    def _pooled(self, results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
        counts: np.ndarray = np.zeros(_BINS, dtype=np.int64)
        for result in results:
            counts += np.frombuffer(zlib.decompress(result['counts']), 'u4')
        # Not 0 / 0, an error in Python, but NaN.
        pixels = sum(result['pixels'] for result in results) or math.nan
        yield 'pixel/mean', math.fsum(r['sum'] for r in results) / pixels
        yield 'pixel/median', histogram_median(counts)
        for i, threshold in enumerate(self.thresholds):
            within = sum(result['within'][i] for result in results)
            yield f'pixel/a{threshold:g}', 100 * within / pixels
