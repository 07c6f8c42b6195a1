"""Images of surface normals.

Normals are in the frame of this package: x to the right, y up, z towards the camera. Images are
RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLACK = (0, 0, 0)


def normals_to_rgb(
    normals: np.ndarray, mask: np.ndarray | None = None, *, background: Sequence[int] = BLACK
) -> np.ndarray:
    """Draw normals: ``(n + 1) / 2 * 255``, x as red, y as green, z as blue.

    Args:
        normals (np.ndarray): Unit vectors (H, W, 3); vectors that are not finite are background.
        mask (np.ndarray, optional): Pixels to draw, (H, W). Defaults to None, all.
        background (Sequence[int]): RGB of the others. Defaults to black, as the reference
            implementation has it.

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3).

    Raises:
        ValueError: If shapes are others.
    """
    if normals.ndim != 3 or normals.shape[-1] != 3:
        raise ValueError(f'`normals` must have the shape (H, W, 3), but got {normals.shape}')
    finite = np.isfinite(normals)
    drawn = finite[..., 0] & finite[..., 1] & finite[..., 2]
    if mask is not None:
        if mask.shape != drawn.shape:
            raise ValueError(
                f'`mask` must have the shape {drawn.shape} of the normals, but got {mask.shape}'
            )
        drawn &= mask > 0
    with np.errstate(invalid='ignore'):  # of what is not drawn
        image: np.ndarray = ((normals.clip(-1, 1) + 1) / 2 * 255).astype(np.uint8)
    image[~drawn] = background
    return image


def normal_ball(size: int, background: Sequence[int] = BLACK) -> np.ndarray:
    """The colors of all visible directions on a ball.

    Args:
        size (int): Height and width in pixels.
        background (Sequence[int]): RGB around it. Defaults to black.

    Returns:
        np.ndarray: RGB, uint8 (size, size, 3).
    """
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x: np.ndarray
    y: np.ndarray
    x, y = np.meshgrid(axis, -axis)
    square = x**2 + y**2
    normals = np.stack([x, y, np.sqrt((1 - square).clip(0))], axis=-1)
    return normals_to_rgb(normals, square <= 1, background=background)
