"""Errors of relative depth, after alignment to the ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ...evaluation.depth import FIGURES, SPACES, evaluate_depth
from ...evaluation.means import mean
from ...ops.depth_alignment import ALIGNMENTS
from ...registry import METRICS
from ...structures.fields import DEPTH_MAP
from .sample_maps import check_finite, read_pair


@METRICS.register_module()
class RelativeDepthMetric(BaseMetric):
    """RMSE, AbsRel and delta 1-3 of depth that is known up to an affine map.

    For each image, scale and shift are fitted on its valid pixels, the figures are computed on the
    same pixels, and their means over the images are reported, as in the evaluation of `MiDaS
    <https://arxiv.org/abs/1907.01341>`_. The `paper <https://arxiv.org/abs/2408.12569>`_ does not
    say in which space it is solved, nor how images are averaged; see ``docs/dense_outputs.md``.

    Valid are pixels with min_depth_eval < ground truth < max_depth_eval, and, if a sample has
    ``gt_human_mask``, inside the mask. The ground truth must be larger where farther and above 0,
    in meters or any other unit, which is that of RMSE. An image without a valid pixel is left out
    and counted in the log.

    Figures of an image do not depend on the number of ranks, and images are averaged with one
    rounding, so neither does the result.

    Args:
        align (str): What is fitted: 'scale_shift' (least squares), 'scale' (least squares),
            'median' (ratio of medians), or 'none'. Defaults to 'scale_shift'.
        space (str): 'depth' fits the prediction to the ground truth. 'disparity' fits it to 1 /
            ground truth, for networks that predict relative disparity, and takes the reciprocal as
            depth; values below 1 / max_depth_eval, at least 1e-6, are raised to it. Figures are
            those of depth in both. Defaults to 'depth'.
        depth_metrics (Sequence[str]): Names of the figures, of 'rmse', 'abs_rel', 'd1', 'd2', 'd3',
            'sq_rel', 'rmse_log', 'log10', 'silog'. Defaults to the first five.
        min_depth_eval (float): At least 0, as the errors are divided by the ground truth. Defaults
            to 0.
        max_depth_eval (float): Defaults to infinity.
        collect_device (str): As in stock metrics. Defaults to 'cpu'.
        prefix (str, optional): Put in front of the names. Defaults to None.

    Raises:
        ValueError: If an argument is none of its choices.
    """

    def __init__(
        self,
        align: str = 'scale_shift',
        space: str = 'depth',
        depth_metrics: Sequence[str] = FIGURES[:5],
        min_depth_eval: float = 0.0,
        max_depth_eval: float = math.inf,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        for name, value, choices in (
            ('align', align, ALIGNMENTS),
            ('space', space, SPACES),
            *(('depth_metrics', name, FIGURES) for name in depth_metrics),
        ):
            if value not in choices:
                raise ValueError(f'`{name}` must be of {choices}, but got {value!r}')
        if not 0 <= min_depth_eval < max_depth_eval:
            raise ValueError(
                '`min_depth_eval` must be at least 0 and below '
                f'`max_depth_eval`, but got {min_depth_eval} and '
                f'{max_depth_eval}'
            )
        self.align = align
        self.space = space
        self.depth_metrics = tuple(depth_metrics)
        self.min_depth_eval = min_depth_eval
        self.max_depth_eval = max_depth_eval

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Compare ``pred_depth_map`` with ``gt_depth_map`` of each image.

        Raises:
            ValueError: If a map is missing or of another size, or a prediction is not finite at a
                valid pixel.
        """
        for sample in data_samples:
            pred, gt, mask = read_pair(sample, DEPTH_MAP)
            valid = mask & (gt[0] > self.min_depth_eval)
            valid &= gt[0] < self.max_depth_eval
            check_finite(sample, pred[0][valid])
            self.results.append(
                evaluate_depth(
                    pred[0][valid],
                    gt[0][valid],
                    align=self.align,
                    space=self.space,
                    max_depth=self.max_depth_eval,
                )
            )

    def compute_metrics(self, results: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Name -> figure over all images; NaN if no pixel counts."""
        counted = [result for result in results if result]
        raised = int(sum(result['raised'] for result in counted))
        print_log(
            f'Relative depth of {len(counted)} images, aligned by '
            f'{self.align!r} in {self.space}; {len(results) - len(counted)} '
            f'images without a valid pixel are left out; {raised} values '
            'were not above 0 after the alignment',
            logger='current',
        )
        return {name: mean(result[name] for result in counted) for name in self.depth_metrics}
