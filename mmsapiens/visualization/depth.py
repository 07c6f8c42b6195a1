"""Images of depth.

Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from .colors import NO_TARGET, apply_color_map, drawable, to_levels, value_range
from .normals import normals_to_rgb

SOBEL_SIZE = 7
SOBEL_GAIN = 2048
"""What the filter makes of a slope of 1 per pixel."""
RELIEF = 0.5
"""Assumed range of depth, as a share of the side of a square as large as the person."""


def nearness(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How near pixels are: 1 for the nearest in the mask, 0 for the farthest.

    Args:
        depth (np.ndarray): Larger is farther, (H, W).
        mask (np.ndarray): Pixels to look at, bool (H, W), finite there.

    Returns:
        np.ndarray: In [0, 1], float32 (H, W); 1 all over if the depth is constant. Only meaningful
        in the mask.
    """
    return 1 - to_levels(depth, mask, value_range(depth, mask))


def color_depth(depth: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Draw depth as in the reference implementation: near is bright.

    Args:
        depth (np.ndarray): Any affine unit, larger is farther, (H, W). NaN and infinity are
            background.
        mask (np.ndarray, optional): Pixels to draw, (H, W). Defaults to None, all.

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3): 'inferno' from the farthest to the nearest pixel of the
        mask, gray 100 outside.
    """
    mask = drawable(depth, mask)
    image = apply_color_map(nearness(depth, mask), 'inferno')
    image[~mask] = NO_TARGET
    return image


def draw_pseudo_normals(
    depth: np.ndarray, mask: np.ndarray | None = None, *, as_reference: bool = False
) -> np.ndarray:
    """Draw the relief of a depth map in the colors of normals.

    It is an image, not a map of normals: a relative depth has no angles. Colors are those of
    :func:`normals_to_rgb`: right is red, up is green, and towards the camera is blue.

    Args:
        depth (np.ndarray): Any affine unit, larger is farther, (H, W).
        mask (np.ndarray, optional): Pixels to draw, (H, W). Defaults to None, all that are finite.
        as_reference (bool): Draw as the reference does: y down and z away from the camera, very
            steep at any size, and the three pixels next to the background black or dark blue. By
            default the depth is continued outwards at the rim, and its range is taken as half of
            the size of the person. Defaults to False.

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3), black outside the mask.
    """
    mask = drawable(depth, mask)
    if not mask.any():
        return np.zeros((*mask.shape, 3), dtype=np.uint8)
    height = nearness(depth, mask)
    if as_reference:
        return _reference_relief(height, mask)
    grad_x, grad_y = _gradients(_continue_outwards(height, mask))
    slope = RELIEF * float(np.sqrt(mask.sum())) / SOBEL_GAIN
    vectors = np.stack([-grad_x * slope, grad_y * slope, np.ones_like(grad_x)], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return normals_to_rgb(vectors, mask)


def _gradients(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes to the right and downwards, times :data:`SOBEL_GAIN`."""
    return (
        cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=SOBEL_SIZE),
        cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=SOBEL_SIZE),
    )


def _reference_relief(height: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The reference's image, whose background is infinitely near."""
    grad_x, grad_y = _gradients(np.where(mask, height, np.inf))
    vectors = np.stack([-grad_x, -grad_y, -np.ones_like(grad_x)], axis=-1)
    with np.errstate(invalid='ignore'):  # infinity over infinity at the rim
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-5
    return normals_to_rgb(np.where(np.isfinite(vectors), vectors, -1))


def _continue_outwards(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values (H, W) with those outside a mask from the nearest inside."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, dtype=values.dtype)
    of_label[nearest[mask]] = values[mask]
    return of_label[nearest]
