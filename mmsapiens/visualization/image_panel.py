"""An image and its tasks side by side, with titles.

Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..structures.results import ImageResult, MapResult, PoseResult
from .legends import class_legend, font_size
from .panels import Tile, display_size, gap_of, indent, join_row, stack
from .results import map_tile, pose_overlay, to_rgb

LONGER_SIDE = (280, 640)
"""Least and greatest longer side of an image of a panel."""
ASPECT = 1.78
"""Width by height that a panel should have, that of a screen."""
_TITLES = {'seg_map': 'body parts', 'depth_map': 'relative depth', 'normal_map': 'surface normals'}


def columns_for(count: int, height: int, width: int) -> int:
    """Images in a row so that the panel has about :data:`ASPECT`.

    Args:
        count (int): Images.
        height (int): Of one of them.
        width (int): Of one of them.
    """

    def cost(columns: int) -> tuple[float, int]:
        rows = math.ceil(count / columns)
        aspect = columns * width / (rows * height)
        empty = rows * columns - count
        return abs(math.log(aspect / ASPECT)) + 0.15 * empty, columns

    return min(range(1, count + 1), key=cost)


def draw_panel(
    result: ImageResult,
    tasks: Sequence[str] | None = None,
    *,
    threshold: float = 0.3,
    with_legend: bool = True,
) -> NDArray:
    """Draw an image beside the results of its tasks.

    Args:
        result (ImageResult): Of one image.
        tasks (Sequence[str], optional): In this order. Defaults to None, all of the result.
        threshold (float): Smallest score of a keypoint that is drawn. Defaults to 0.3.
        with_legend (bool): Whether to list the classes that occur. Without, the size of a panel
            depends on the size of the image only. Defaults to True.

    Returns:
        NDArray: RGB, uint8 (_, _, 3).
    """
    height, width = display_size(*result.frame.size_hw, *LONGER_SIDE)
    size = font_size(height, width)
    tiles = [Tile('input', _fit(to_rgb(result), height, width))]
    for task in tasks if tasks is not None else result.tasks:
        tile = _tile(result, task, threshold)
        tiles.append(Tile(tile.title, _fit(tile.image, height, width), tile.bar))
    columns = columns_for(len(tiles), height, width)
    rows = [
        join_row(tiles[start : start + columns], size) for start in range(0, len(tiles), columns)
    ]
    pieces = [stack(rows)]
    if with_legend:
        room = pieces[0].shape[1] - gap_of(size)
        legends = [_legend(one, result, room, size) for one in _maps(result)]
        pieces += [indent(one, size) for one in legends if one is not None]
    return stack(pieces)


def _tile(result: ImageResult, task: str, threshold: float) -> Tile:
    found = result.tasks[task]
    if not isinstance(found, PoseResult):
        return map_tile(found, result, _TITLES.get(found.field, task))
    drawn = pose_overlay(result, task, threshold)
    return Tile(f'pose, {found.keypoints.shape[1]} keypoints', drawn)


def _fit(image: NDArray, height: int, width: int) -> NDArray:
    """Resize an image of any size."""
    shrinks = height < image.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return cv2.resize(image, (width, height), interpolation=way)


def _maps(result: ImageResult) -> list[MapResult]:
    return [found for found in result.tasks.values() if isinstance(found, MapResult)]


def _legend(found: MapResult, result: ImageResult, width: int, size: int) -> NDArray | None:
    """What the colors of classes mean; None without any."""
    if not found.is_labels or not found.classes or not found.palette:
        return None
    ids = [int(i) for i in np.unique(found.values) if 0 < i < len(found.classes)]
    entries = [(found.classes[i], found.palette[i]) for i in ids]
    return class_legend(entries, width, size) if entries else None
