"""Colors of one-channel maps. Images are RGB, uint8 (H, W, 3). Shapes: H W pixels."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

NO_TARGET = (100, 100, 100)  # Color of pixels that have no value, in all images but normals

COLOR_MAPS = {  # Name -> color map of OpenCV
    'inferno': cv2.COLORMAP_INFERNO,
    'magma': cv2.COLORMAP_MAGMA,
    'turbo': cv2.COLORMAP_TURBO,
    'viridis': cv2.COLORMAP_VIRIDIS,
}


BOARD = (110, 170)  # Gray levels of a checkerboard
BOARD_SHARE = 0.025  # Side of its squares as a share of the longer side of an image


def checkerboard(height: int, width: int) -> np.ndarray:
    """What is seen through transparent pixels, (height, width, 3)."""
    side = max(2, round(BOARD_SHARE * max(height, width)))
    squares: list[np.ndarray] = [np.arange(length) // side for length in (height, width)]
    is_light = (squares[0][:, None] + squares[1]) % 2
    board: np.ndarray = np.where(is_light, BOARD[1], BOARD[0]).astype(np.uint8)
    return np.repeat(board[..., None], 3, axis=-1)


def apply_color_map(levels: np.ndarray, color_map: str) -> np.ndarray:
    """RGB of levels in [0, 1], (H, W): times 255, truncated, is the entry of the map."""
    if color_map not in COLOR_MAPS:
        raise KeyError(f'`color_map` must be one of {sorted(COLOR_MAPS)}, but got {color_map!r}')
    every = cv2.applyColorMap(np.arange(256, dtype=np.uint8), COLOR_MAPS[color_map])
    colors: np.ndarray = every[:, 0, ::-1][(levels * 255).astype(np.uint8)]
    return colors


def drawable(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Pixels of a map (H, W) that have a color, bool (H, W): finite, and in the mask (H, W)."""
    if values.ndim != 2:
        raise ValueError(f'a map to draw must have the shape (H, W), but got {values.shape}')
    finite = np.isfinite(values)
    if mask is None:
        return finite
    if mask.shape != values.shape:
        raise ValueError(
            f'`mask` must have the shape of the map, {values.shape}, but got {mask.shape}'
        )
    return finite & (mask > 0)


def value_range(values: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Least and greatest value in a mask; (0, 1) where it is empty."""
    inside = values[mask]
    return (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)


def to_levels(values: np.ndarray, mask: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Values (H, W) in a bool mask as float32 levels in [0, 1] between the limits; else 0."""
    low, high = limits
    levels = np.zeros(values.shape, dtype=np.float32)
    if high > low:
        inside = values[mask].astype(np.float32)
        levels[mask] = ((inside - np.float32(low)) / np.float32(high - low)).clip(0, 1)
    return levels


def color_values(
    values: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    limits: tuple[float, float] | None = None,
    color_map: str = 'viridis',
    background: Sequence[int] = NO_TARGET,
) -> np.ndarray:
    """Draw a map of numbers of any kind (H, W) where the mask is set, by default everywhere.

    ``limits`` are the values of the ends of the color map, by default the range; NaN and infinity
    are background.
    """
    mask = drawable(values, mask)
    limits = limits or value_range(values, mask)
    image = apply_color_map(to_levels(values, mask, limits), color_map)
    image[~mask] = background
    return image


def spread_palette(count: int) -> list[tuple[int, int, int]]:
    """RGB colors for classes without a palette; the first is dark gray."""
    palette = [(50, 50, 50)]
    for index in range(1, count):
        # The golden ratio keeps neighbors apart, whatever the count.
        hue = index * 0.618034 % 1
        value = 1.0 if index % 2 else 0.75
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.8, value)
        palette.append((int(red * 255), int(green * 255), int(blue * 255)))
    return palette[:count]
