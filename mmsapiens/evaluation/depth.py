"""Errors of depth, after alignment to the truth.

Shapes: P pixels.
"""

from __future__ import annotations

import math

import numpy as np

from ..ops.depth_alignment import fit_scale_shift

FIGURES = ('rmse', 'abs_rel', 'd1', 'd2', 'd3', 'sq_rel', 'rmse_log', 'log10', 'silog')
SPACES = ('depth', 'disparity')
EPS = 1e-6
"""Smallest aligned depth, or disparity, in figures that divide by it."""


def depth_figures(pred: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """The figures of one image.

    Args:
        pred (np.ndarray): Aligned depth, float64 (P), P > 0. Values below :data:`EPS` are raised to
            it in the figures with a ratio or a logarithm of it: d1 to d3, rmse_log, log10, silog.
        target (np.ndarray): True depth above 0, likewise.

    Returns:
        dict[str, float]: Name -> figure, as in the stock ``DepthMetric``; d1, d2 and d3 are shares
        of pixels, in [0, 1].
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
        align (str): One of :data:`~mmsapiens.ops.depth_alignment.ALIGNMENTS`. Defaults to
            'scale_shift'.
        space (str): 'depth', or 'disparity' to fit to 1 / ``target`` and to take the reciprocal as
            depth. Defaults to 'depth'.
        max_depth (float): Smaller disparities than its reciprocal are raised to it. Defaults to
            infinity.

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
