"""Pinhole cameras, and points of what they see.

Intrinsics are [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels, (3, 3) or (B, 3, 3); pixel (0, 0)
has its center at (0, 0). Points are x to the right, y down, z away from the camera: x = (u - cx) z
/ fx. What happens to an image happens to the intrinsics, and the points of its pixels follow.

Shapes: B batch, H W pixels.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

CANONICAL_FOCAL = 768.0
"""Focal length in pixels that the point maps of Sapiens2 are predicted for."""
MIN_SCALE = 1e-3
"""Smaller scales, of a focal length of 768,000 pixels, are none."""
Matrix = TypeVar('Matrix', np.ndarray, Tensor)


def check_intrinsics(matrix: Matrix, name: str = '`intrinsics`') -> Matrix:
    """The matrix itself; ValueError if it is no camera."""
    if tuple(matrix.shape[-2:]) != (3, 3):
        raise ValueError(f'{name} must be (3, 3) or (B, 3, 3), but got {tuple(matrix.shape)}')
    focal = [float(each) for each in (matrix[..., 0, 0].min(), matrix[..., 1, 1].min())]
    if not min(focal) > 0 or not math.isfinite(float(matrix.sum())):
        raise ValueError(
            f'{name} must be finite numbers with focal lengths fx and fy above 0 in pixels, but '
            f'got {matrix.tolist()}'
        )
    return matrix


def check_extrinsics(matrix: np.ndarray, name: str = '`extrinsics`') -> np.ndarray:
    """[R t] from the world to the camera, (3, 4), of that or (4, 4); ValueError unless R turns."""
    if matrix.shape not in ((3, 4), (4, 4)):
        raise ValueError(f'{name} must be (3, 4) or (4, 4), but got {matrix.shape}')
    turn = matrix[:3, :3]
    is_last = matrix.shape == (3, 4) or np.allclose(matrix[3], (0, 0, 0, 1))
    is_turn = np.isfinite(matrix).all() and np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
    if not is_last or not is_turn or np.linalg.det(turn) < 0:
        raise ValueError(
            f'{name} must be [R t] with a rotation R, from the world to a camera with x to the '
            f'right, y down and z away, and 0, 0, 0, 1 below, but got {matrix.tolist()}'
        )
    return matrix[:3]


def _changed(matrix: Matrix, left: list[list[float]]) -> Matrix:
    if isinstance(matrix, Tensor):
        return matrix.new_tensor(left) @ matrix
    return np.asarray(left, dtype=matrix.dtype) @ matrix


def crop_intrinsics(matrix: Matrix, left: float, top: float) -> Matrix:
    """After the removal of columns and rows; negative numbers are padding."""
    return _changed(matrix, [[1, 0, -left], [0, 1, -top], [0, 0, 1]])


def resize_intrinsics(matrix: Matrix, scale_x: float, scale_y: float) -> Matrix:
    """After a resize, new size over old one; corners of pixels stay where they are."""
    x, y = (scale_x - 1) / 2, (scale_y - 1) / 2
    return _changed(matrix, [[scale_x, 0, x], [0, scale_y, y], [0, 0, 1]])


def flip_intrinsics(matrix: Matrix, width: int) -> Matrix:
    """After a mirror: cx becomes width - 1 - cx; x of the points changes its sign."""
    flipped = matrix.clone() if isinstance(matrix, Tensor) else matrix.copy()
    flipped[..., 0, 2] = width - 1 - flipped[..., 0, 2]
    return flipped


def flip_extrinsics(matrix: np.ndarray) -> np.ndarray:
    """[R t] (..., 4) after a mirror: the first row is negated, and R then mirrors as well."""
    flipped = matrix.copy()
    flipped[0] = -flipped[0] + 0  # turns -0 into 0
    return flipped


def turn_points(points: np.ndarray, degree: float) -> np.ndarray:
    """Points (..., 3) after a rotation of their image, clockwise as one looks at it.

    That is the camera turned about its axis, so pixels must be square.
    """
    sin, cos = math.sin(math.radians(degree)), math.cos(math.radians(degree))
    turned = points.copy()
    turned[..., 0] = cos * points[..., 0] - sin * points[..., 1]
    turned[..., 1] = sin * points[..., 0] + cos * points[..., 1]
    return turned


def turn_intrinsics(matrix: Matrix, degree: float, image_hw: tuple[int, int]) -> Matrix:
    """After a rotation of the image about its center, clockwise; see :func:`turn_points`."""
    fx, fy = float(matrix[..., 0, 0]), float(matrix[..., 1, 1])
    if abs(fx - fy) > 0.01 * fx:
        raise ValueError(
            'an image can be turned only where its pixels are square, but the focal lengths of '
            f'its camera are {fx:.6g} and {fy:.6g} pixels. Turn before a resize that stretches.'
        )
    sin, cos = math.sin(math.radians(degree)), math.cos(math.radians(degree))
    turned = matrix.clone() if isinstance(matrix, Tensor) else matrix.copy()
    x, y = ((side - 1) / 2 for side in image_hw[::-1])
    right, down = matrix[..., 0, 2] - x, matrix[..., 1, 2] - y
    turned[..., 0, 2] = x + cos * right - sin * down
    turned[..., 1, 2] = y + sin * right + cos * down
    return turned


def turn_extrinsics(matrix: np.ndarray, degree: float) -> np.ndarray:
    """[R t] (3, 4) after a rotation of the image, clockwise; see :func:`turn_points`."""
    return turn_points(matrix.T, degree).T


def canonical_scale(matrix: Tensor) -> Tensor:
    """Factor (B,) from points in meters to those of a focal length of 768 pixels."""
    return CANONICAL_FOCAL / matrix[..., 0, 0]


def canonical_depth(depth: Matrix, matrix: Matrix) -> Matrix:
    """Distances along z (H, W) as a camera of focal length 768 pixels sees them."""
    return depth * (CANONICAL_FOCAL / float(matrix[0, 0]))


def points_of_depth(depth: Tensor, matrix: Tensor) -> Tensor:
    """Points (B, 3, H, W) of distances along z (B, H, W)."""
    fx, fy, cx, cy = (matrix[:, i, j, None, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    u, v = pixel_grid(depth)
    return torch.stack([(u - cx) * depth / fx, (v - cy) * depth / fy, depth], dim=1)


def pixel_grid(like: Tensor) -> tuple[Tensor, Tensor]:
    """Columns (1, W) and rows (H, 1) of maps (..., H, W)."""
    height, width = like.shape[-2:]
    u = torch.arange(width, device=like.device, dtype=like.dtype)
    v = torch.arange(height, device=like.device, dtype=like.dtype)
    return u[None], v[:, None]


def metric_points(points: Tensor, scale: Tensor) -> Tensor:
    """Canonical points (B, 3, H, W) over their scale (B, 1); NaN where that is below 0.001.

    The reference divides by any number: a scale near 0 or below it gives nonsense.
    """
    scale = torch.where(scale > MIN_SCALE, scale, torch.nan)
    return points / scale[:, :, None, None]


def focal_length(scale: Tensor, resize_factor: float = 1.0) -> Tensor:
    """Focal length in pixels of an image that was resized by a factor for the network."""
    return CANONICAL_FOCAL / torch.where(scale > MIN_SCALE, scale, torch.nan) / resize_factor
