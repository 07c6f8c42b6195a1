"""Vectors of length 1, and what happens to them when their image is transformed.

Vectors of images are numpy arrays with x to the right and y up in the last axis. Pixels without one
are zero and stay zero.
"""

import math

import numpy as np
from torch import Tensor

MIN_LENGTH = 1e-6  # Shorter vectors are none: their direction is rounding
LENGTHS = (0.5, 1.5)
"""Vectors of files that are shorter or longer are no normals: background, or damage."""
UNIT_TOLERANCE = 1e-6
"""Of the squared length: rounding of single precision. Vectors that are closer to length 1 stay as
they are."""
BLOCK_VALUES = 2**18  # Numbers that are worked on at a time, so that they stay in the cache


def unit_vectors(vectors: Tensor, dim: int, eps: float = 1e-12) -> Tensor:
    """The numbers of ``F.normalize`` to the last bit but one; on a CPU its norm along another
    dimension than the last takes 20 times as long as the sum of squares. For lengths below 1e12."""
    squares = vectors.square().sum(dim, keepdim=True)
    return vectors * squares.clamp(min=eps**2).rsqrt()


def normalize_vectors(
    vectors: np.ndarray,
    out: np.ndarray | None = None,
    lengths: tuple[float, float] = (MIN_LENGTH, math.inf),
) -> np.ndarray:
    """Scale floating vectors (..., C) to length 1, in a contiguous ``out`` or in new memory. Those
    whose length is not between the two of ``lengths`` become zero, those of length 1 are kept."""
    out = np.empty_like(vectors, order='C') if out is None else out
    channels = vectors.shape[-1]
    source, target = vectors.reshape(-1, channels), out.reshape(-1, channels)  # (N, C)
    step = max(1, BLOCK_VALUES // channels)
    for start in range(0, len(source), step):
        target[start : start + step] = _unit_block(source[start : start + step], lengths)
    return out


def _unit_block(vectors: np.ndarray, lengths: tuple[float, float]) -> np.ndarray:
    """:func:`normalize_vectors` of (N, C); the block itself if none changes."""
    square = _squared_lengths(vectors)
    tolerance = 0 if vectors.dtype == np.float64 else UNIT_TOLERANCE
    is_done = np.abs(square - 1) <= tolerance
    is_done |= square == 0
    if is_done.all():
        return vectors
    length = np.sqrt(square)
    is_vector = (length > lengths[0]) & (length < lengths[1])
    scale = np.zeros_like(length)
    np.divide(1, length, where=is_vector, out=scale)
    scale[is_done] = 1
    # Transposed: numpy is slow along a short last axis.
    return (vectors.T * scale).T


def _squared_lengths(vectors: np.ndarray) -> np.ndarray:
    """Of (N, C), float32, or float64 where that would not do."""
    ones = np.ones(vectors.shape[-1], dtype=np.float32)
    if vectors.dtype != np.float64:
        narrow: np.ndarray = vectors.astype(np.float32, copy=False)
        with np.errstate(over='ignore', invalid='ignore'):
            square = (narrow * narrow) @ ones
        if np.isfinite(square).all():
            return square
    wide: np.ndarray = vectors.astype(np.float64)
    return (wide * wide) @ ones


def stretch_vectors(vectors: np.ndarray, scale_x: float, scale_y: float) -> np.ndarray:
    """Unit normals of the surface that a stretched image shows, at new size over old one; in depth
    it is taken as stretched by the geometric mean, so that a uniform scale changes nothing."""
    mean = (scale_x * scale_y) ** 0.5
    factors = np.ones(vectors.shape[-1], dtype=vectors.dtype)
    # Normals stretch by the inverse of what surfaces do.
    factors[:2] = mean / scale_x, mean / scale_y
    return normalize_vectors(vectors * factors)


def rotate_vectors(vectors: np.ndarray, degree: float) -> np.ndarray:
    """Turn vectors (..., C) with their image, clockwise as one looks at it."""
    sin, cos = np.sin(np.deg2rad(degree)), np.cos(np.deg2rad(degree))
    x, y = vectors[..., 0], vectors[..., 1]
    turned = vectors.copy()
    turned[..., 0] = cos * x + sin * y
    turned[..., 1] = cos * y - sin * x
    return turned


def angles_deg(pred: np.ndarray, target: np.ndarray, axis: int = 0) -> np.ndarray:
    """Degrees in [0, 180], float64, of vectors along ``axis``; NaN where one has no direction."""
    pred, target = pred.astype(np.float64), target.astype(np.float64)
    with np.errstate(invalid='ignore'):  # infinity has no direction
        sine = np.sqrt((np.cross(pred, target, axis=axis) ** 2).sum(axis=axis))
        angles = np.degrees(np.arctan2(sine, (pred * target).sum(axis=axis)))
    angles[(pred == 0).all(axis=axis) | (target == 0).all(axis=axis)] = np.nan
    return angles
