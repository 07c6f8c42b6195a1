"""Results of tasks drawn over their image, and side by side with titles.

Images are RGB, uint8 (H, W, 3). Shapes: N people, H W pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from ..keypoints.keypoint_sets import get_keypoint_set
from ..structures.fields import get_field
from ..structures.results import ImageResult, MapResult, People, PoseResult
from . import panels
from .colors import spread_palette
from .field_drawers import Scene, drawer_of
from .keypoints import draw_person
from .panels import Tile

LONGER_SIDE = (280, 640)  # Least and greatest longer side of an image of a panel
ASPECT = 1.78  # Width by height that a panel should have, that of a screen
_TITLES = {
    'seg_map': 'body parts',
    'depth_map': 'relative depth',
    'normal_map': 'surface normals',
    'point_map': 'distance',
    'albedo_map': 'albedo',
    'matte_map': 'foreground',
}
BOX_COLOR = (255, 255, 255)
PART_OPACITY = 0.6
_TRACK_COLORS = '#4285f4 #db4437 #f4b400 #0f9d58 #ab47bc #00acc1 #ff7043 #9e9d24'
TRACK_COLORS = [ImageColor.getrgb(color) for color in _TRACK_COLORS.split()]
"""RGB of the boxes of tracks, by their number."""


def to_rgb(result: ImageResult) -> NDArray:
    """The image of a result, RGB, uint8 (H, W, 3), a copy."""
    rgb: NDArray = cv2.cvtColor(result.frame.image, cv2.COLOR_BGR2RGB)
    return rgb


def draw_pose(
    image: NDArray, pose: PoseResult, people: People, *, threshold: float = 0.3
) -> NDArray:
    """Draw the keypoints, and boxes unless of the whole image, of N people; the same image."""
    if people.origin != 'image':
        draw_boxes(image, people)
    keypoint_set = get_keypoint_set(pose.vocabulary)
    for points, scores, box in zip(pose.keypoints, pose.scores, people.boxes):
        draw_person(image, points, scores, keypoint_set, threshold, box)
    return image


def pose_overlay(result: ImageResult, task: str, found: PoseResult, threshold: float) -> NDArray:
    """Keypoints of a task over the image, RGB, uint8 (H, W, 3)."""

    def draw() -> NDArray:
        return draw_pose(to_rgb(result), found, result.people, threshold=threshold)

    return result.drawn_once((task, threshold), draw)


def draw_boxes(image: NDArray, people: People) -> None:
    """Draw boxes, and the numbers of tracks at their corners, in place."""
    height, width = image.shape[:2]
    line = max(1, round(0.0015 * max(height, width)))
    size = panels.font_size(height, width)
    for index, box in enumerate(people.boxes):
        x1, y1, x2, y2 = (int(round(float(value))) for value in box)
        number = None if people.track_ids is None else int(people.track_ids[index])
        color = BOX_COLOR if number is None else TRACK_COLORS[number % len(TRACK_COLORS)]
        cv2.rectangle(image, (x1, y1), (x2, y2), color, line, cv2.LINE_AA)
        if number is None:
            continue
        text = f' {number} '
        label = panels.text_strip(text, panels.text_width(text, size), size)
        # Above the box, so that it does not hide the head.
        left, top = max(0, x1), y1 - label.shape[0] if y1 >= label.shape[0] else max(0, y1)
        place = image[top : top + label.shape[0], left : left + label.shape[1]]
        place[:] = label[: place.shape[0], : place.shape[1]]


def map_tile(
    result: MapResult, scene_of: ImageResult, title: str, opacity: float = PART_OPACITY
) -> Tile:
    """Draw a map as our evaluations do; a ``Tile`` with its color bar."""

    def draw() -> Tile:
        values = result.values
        maps = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
        palette: Sequence[Sequence[int]] = result.palette
        if result.is_labels and not palette:
            palette = spread_palette(max(len(result.classes), 1))
        mask, names = scene_of.human_mask, result.classes
        scene = Scene(to_rgb(scene_of), mask, None, names, palette, opacity)
        return drawer_of(get_field(result.field)).draw(maps, scene, title)

    tile = scene_of.drawn_once((id(result), opacity if result.is_labels else None), draw)
    return replace(tile, title=title)


def draw_overlay(
    result: ImageResult, task: str, *, threshold: float = 0.3, opacity: float | None = None
) -> NDArray:
    """Lay the result of a task over its image, RGB, uint8 (H, W, 3): depth, normals and the like
    over the people where a parsing or matting task was run, mattes on a checkerboard; with
    :data:`PART_OPACITY` or that of the field's drawer by default."""
    found = result.tasks[task]
    if isinstance(found, PoseResult):
        return pose_overlay(result, task, found, threshold)
    drawer = drawer_of(get_field(found.field))
    if opacity is None:
        opacity = PART_OPACITY if found.is_labels else drawer.opacity
    drawn = map_tile(found, result, task, opacity).image
    if found.is_labels:
        return drawn
    image = to_rgb(result)
    mixed = cv2.addWeighted(drawn, opacity, image, 1 - opacity, 0)
    mask = result.human_mask if drawer.in_people else None
    return mixed if mask is None else np.where(mask[..., None], mixed, image)


def columns_for(count: int, height: int, width: int) -> int:
    """Images of a height and width in a row so that the panel has about :data:`ASPECT`."""

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
    """Draw an image beside the results of its tasks, RGB, uint8 (_, _, 3).

    Keypoints below the threshold are left out. Without ``with_legend``, the classes that occur, the
    size of a panel depends on the size of the image only.
    """
    height, width = panels.display_size(*result.frame.size_hw, *LONGER_SIDE)
    size = panels.font_size(height, width)
    tiles = [Tile('input', _fit(to_rgb(result), height, width))]
    for task in tasks if tasks is not None else result.tasks:
        found = result.tasks[task]
        if isinstance(found, MapResult):
            tile = map_tile(found, result, _TITLES.get(found.field, task))
        else:
            drawn = pose_overlay(result, task, found, threshold)
            tile = Tile(f'pose, {found.keypoints.shape[1]} keypoints', drawn)
        tiles.append(replace(tile, image=_fit(tile.image, height, width)))
    columns = columns_for(len(tiles), height, width)
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    pieces = [panels.stack([panels.join_row(row, size) for row in rows])]
    if with_legend:
        room = pieces[0].shape[1] - panels.gap_of(size)
        legends = [_legend(found, room, size) for found in result.tasks.values()]
        pieces += [panels.indent(legend, size) for legend in legends if legend is not None]
    return panels.stack(pieces)


def _fit(image: NDArray, height: int, width: int) -> NDArray:
    way = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_NEAREST
    return cv2.resize(image, (width, height), interpolation=way)


def _legend(found: PoseResult | MapResult, width: int, size: int) -> NDArray | None:
    """What the colors of classes mean; None without any."""
    if isinstance(found, PoseResult) or not (found.is_labels and found.classes and found.palette):
        return None
    ids = [int(i) for i in np.unique(found.values) if 0 < i < len(found.classes)]
    entries = [(found.classes[i], found.palette[i]) for i in ids]
    return panels.class_legend(entries, width, size) if entries else None
