"""Relative depth brought to the unit of the truth."""

import numpy as np

ALIGNMENTS = ('scale_shift', 'scale', 'median', 'none')


def fit_scale_shift(pred: np.ndarray, target: np.ndarray, align: str) -> tuple[float, float]:
    """Scale s and shift t with s * pred + t close to the target, both float64 (P). ``align`` is
    'scale_shift' or 'scale', least squares; 'median', the ratio of the medians; or 'none'. What the
    pixels do not determine is 0."""
    if align == 'none':
        return 1.0, 0.0
    # (a * b).sum() and not a product of BLAS, which depends on threads.
    if align == 'median':
        middle = float(np.median(pred))
        return (float(np.median(target)) / middle if middle else 0.0), 0.0
    if align == 'scale':
        squares = float((pred * pred).sum())
        product = float((pred * target).sum())
        return (product / squares if squares else 0.0), 0.0
    middle, level = float(pred.mean()), float(target.mean())
    if pred.min() == pred.max():
        return 0.0, level
    centered = pred - middle
    scale = float((centered * (target - level)).sum() / (centered**2).sum())
    return scale, level - scale * middle


def align_depth(pred: np.ndarray, gt: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Scale and shift a prediction (H, W) to the truth by least squares in a bool mask (H, W)."""
    if not mask.any():
        return pred.astype(np.float32)
    wide: np.ndarray = pred.astype(np.float64)
    scale, shift = fit_scale_shift(wide[mask], gt[mask].astype(np.float64), 'scale_shift')
    return (wide * scale + shift).astype(np.float32)
