"""Angles between predicted and true surface normals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ...evaluation.normals import measure_angles, normal_figures
from ...registry import METRICS
from ...structures.fields import NORMAL_MAP
from .sample_maps import check_finite, read_pair


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
        """Measure the angles between ``pred_normal_map`` and ``gt_normal_map`` of each image.

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
            self.results.append(measure_angles(pred, gt, self.thresholds))

    def compute_metrics(self, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Name -> figure over all images; NaN if no pixel counts."""
        empty = sum(not result['pixels'] for result in results)
        print_log(
            f'Angles of the normals of {len(results) - empty} images; '
            f'{empty} images without a valid pixel are left out',
            logger='current',
        )
        return normal_figures(results, self.thresholds)
