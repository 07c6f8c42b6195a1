"""Light: a panorama of radiance and a few key lights.

Panoramas are (H, W, 3), linear: row 0 is straight up, the middle column -y, columns further right
turn towards +x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SMALL = (32, 64)
"""Size of the panorama that lights people."""


@dataclass(frozen=True)
class KeyLight:
    """A light far away.

    Args:
        direction (NDArray): Towards the light, unit (3,).
        color (NDArray): Irradiance of a facing surface (3,).
        spread (float): Half width of the source in radians, about.
    """

    direction: NDArray
    color: NDArray
    spread: float


def panorama_directions(size_hw: tuple[int, int]) -> NDArray:
    """Unit vectors (H, W, 3) of the pixels of a panorama."""
    rows, columns = size_hw
    polar = np.pi * (np.arange(rows) + 0.5) / rows
    turn = 2 * np.pi * ((np.arange(columns) + 0.5) / columns - 0.5)
    z = np.broadcast_to(np.cos(polar)[:, None], size_hw)
    flat = np.sin(polar)[:, None]
    return np.stack([flat * np.sin(turn), -flat * np.cos(turn), z], -1)


@lru_cache(maxsize=4)
def read_panorama(path: Path, width: int = 2048) -> NDArray[np.float32]:
    """An environment map from a file, at most ``width`` pixels wide.

    Args:
        path (Path): Radiance HDR, or any image that OpenCV reads, which is taken as sRGB. Twice
            as wide as high.
        width (int): Defaults to 2048.

    Raises:
        ValueError: If the file is no image or has another shape.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f'{path} is not an image that OpenCV reads')
    if image.ndim != 3 or abs(image.shape[1] / image.shape[0] - 2) > 0.1:
        raise ValueError(
            f'an environment map should be twice as wide as high and have '
            f'colors, but {path} is {image.shape}'
        )
    image = image[:, :, 2::-1]
    if image.dtype == np.uint8:
        linear = (image / 255.0) ** 2.2
    else:
        linear = np.nan_to_num(image.astype(np.float32), posinf=1e4)
    if linear.shape[1] > width:
        linear = cv2.resize(linear, (width, width // 2), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(linear, np.float32)


def turned(panorama: NDArray, share: float) -> NDArray:
    """A panorama turned about the vertical by a share of a full turn."""
    return np.roll(panorama, round(share * panorama.shape[1]), axis=1)


def split_panorama(panorama: NDArray, count: int = 3) -> tuple[NDArray, list[KeyLight]]:
    """Soft light and key lights of an environment map.

    Bright spots make noise if they are found by chance rays; they become key lights and are cut out
    of the map.

    Args:
        panorama (NDArray): Radiance (H, W, 3).
        count (int): Key lights at most. Defaults to 3.

    Returns:
        tuple: The rest at the size :data:`SMALL`, and the lights.
    """
    rows, columns = 128, 256
    work = cv2.resize(panorama, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float64)
    directions = panorama_directions((rows, columns))
    polar = np.pi * (np.arange(rows) + 0.5) / rows
    area = np.broadcast_to(
        (np.sin(polar) * np.pi / rows * 2 * np.pi / columns)[:, None], (rows, columns)
    )
    gray = work.mean(-1)
    level = 4 * float((gray * area).sum() / area.sum()) + 1e-6
    lights = []
    for _ in range(count):
        gray = work.mean(-1)
        peak = np.unravel_index(np.argmax(gray), gray.shape)
        if gray[peak] < 1.01 * level:
            break
        near = (directions @ directions[peak] > 0.94) & (gray > level)
        excess = work[near] * (1 - level / gray[near])[:, None]
        color = (excess * area[near][:, None]).sum(0)
        direction = (directions[near] * (area[near] * excess.sum(1))[:, None]).sum(0)
        direction /= np.linalg.norm(direction)
        spread = float(np.sqrt(area[near].sum() / np.pi))
        lights.append(KeyLight(direction, color, max(spread, 0.02)))
        work[near] -= excess
    soft = cv2.resize(work, SMALL[::-1], interpolation=cv2.INTER_AREA)
    return np.maximum(soft, 0).astype(np.float32), lights
