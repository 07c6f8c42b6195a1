"""Results of one task drawn over their image.

Images are RGB, uint8 (H, W, 3). Shapes: N people, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..keypoints.keypoint_sets import get_keypoint_set
from ..structures.fields import get_field
from ..structures.results import ImageResult, MapResult, People, PoseResult
from .colors import spread_palette
from .field_drawers import Scene, drawer_of
from .keypoints import draw_person
from .legends import font_size, text_strip, text_width
from .panels import Tile

BOX_COLOR = (255, 255, 255)
MAP_OPACITY = 0.9
PART_OPACITY = 0.6
TRACK_COLORS = (
    (66, 133, 244),
    (219, 68, 55),
    (244, 180, 0),
    (15, 157, 88),
    (171, 71, 188),
    (0, 172, 193),
    (255, 112, 67),
    (158, 157, 36),
)
"""RGB of the boxes of tracks, by their number."""


def to_rgb(result: ImageResult) -> NDArray:
    """The image of a result, RGB, uint8 (H, W, 3), a copy."""
    rgb: NDArray = cv2.cvtColor(result.frame.image, cv2.COLOR_BGR2RGB)
    return rgb


def draw_pose(
    image: NDArray,
    pose: PoseResult,
    people: People,
    *,
    threshold: float = 0.3,
    with_boxes: bool = True,
) -> NDArray:
    """Draw keypoints, and boxes with the numbers of tracks.

    Args:
        image (NDArray): RGB, uint8 (H, W, 3); drawn into.
        pose (PoseResult): Of N people.
        people (People): The same people.
        threshold (float): Smallest score of a point that is drawn. Defaults to 0.3.
        with_boxes (bool): Whether to draw boxes, except one around the whole image. Defaults to
            True.

    Returns:
        NDArray: The same image.
    """
    if with_boxes and people.origin != 'image':
        draw_boxes(image, people)
    keypoint_set = get_keypoint_set(pose.vocabulary)
    for points, scores, box in zip(pose.keypoints, pose.scores, people.boxes):
        draw_person(image, points, scores, keypoint_set, threshold, box)
    return image


def pose_overlay(result: ImageResult, task: str, threshold: float) -> NDArray:
    """Keypoints of a task over the image, RGB, uint8 (H, W, 3)."""
    found = result.tasks[task]
    assert isinstance(found, PoseResult)
    return result.drawn_once(
        (task, threshold),
        lambda: draw_pose(to_rgb(result), found, result.people, threshold=threshold),
    )


def draw_boxes(image: NDArray, people: People) -> None:
    """Draw boxes, and the numbers of tracks at their corners, in place."""
    height, width = image.shape[:2]
    line = max(1, round(0.0015 * max(height, width)))
    size = font_size(height, width)
    for index, box in enumerate(people.boxes):
        x1, y1, x2, y2 = (int(round(float(value))) for value in box)
        color = BOX_COLOR
        if people.track_ids is not None:
            number = int(people.track_ids[index])
            color = TRACK_COLORS[number % len(TRACK_COLORS)]
        cv2.rectangle(image, (x1, y1), (x2, y2), color, line, cv2.LINE_AA)
        if people.track_ids is None:
            continue
        text = f' {number} '
        label = text_strip(text, text_width(text, size), size)
        left = max(0, x1)
        # Above the box, so that it does not hide the head.
        top = y1 - label.shape[0] if y1 >= label.shape[0] else max(0, y1)
        place = image[top : top + label.shape[0], left : left + label.shape[1]]
        place[:] = label[: place.shape[0], : place.shape[1]]


def map_tile(
    result: MapResult, scene_of: ImageResult, title: str, opacity: float = PART_OPACITY
) -> Tile:
    """Draw a map as our evaluations do; a ``Tile`` with its color bar."""

    def draw() -> Tile:
        values = result.values
        maps = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
        scene = Scene(
            to_rgb(scene_of),
            scene_of.human_mask,
            classes=result.classes,
            palette=_palette(result),
            opacity=opacity,
        )
        return drawer_of(get_field(result.field)).draw(maps, scene, title)

    is_mixed = result.is_labels
    tile = scene_of.drawn_once((id(result), opacity if is_mixed else None), draw)
    return replace(tile, title=title)


def _palette(result: MapResult) -> Sequence[Sequence[int]]:
    """RGB colors of the classes, spread if it has none."""
    if result.palette or not result.is_labels:
        return result.palette
    return spread_palette(max(len(result.classes), 1))


def draw_overlay(
    result: ImageResult, task: str, *, threshold: float = 0.3, opacity: float | None = None
) -> NDArray:
    """Lay the result of a task over its image.

    Depth and normals cover the people where a parsing task was run, else the whole image.

    Args:
        result (ImageResult): With that task.
        task (str): Such as 'pose-308'.
        threshold (float): As in :func:`draw_pose`. Defaults to 0.3.
        opacity (float, optional): Of a map, from 0 to 1, where it hides the image. Defaults to
            None, :data:`PART_OPACITY` for parts and :data:`MAP_OPACITY` for others.

    Returns:
        NDArray: RGB, uint8 (H, W, 3).
    """
    found = result.tasks[task]
    if isinstance(found, PoseResult):
        return pose_overlay(result, task, threshold)
    if opacity is None:
        opacity = PART_OPACITY if found.is_labels else MAP_OPACITY
    tile = map_tile(found, result, task, opacity)
    drawn = tile.image
    if found.is_labels:
        return drawn
    image = to_rgb(result)
    mixed = cv2.addWeighted(drawn, opacity, image, 1 - opacity, 0)
    mask = result.human_mask
    return mixed if mask is None else np.where(mask[..., None], mixed, image)
