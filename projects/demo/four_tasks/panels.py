"""Drawings of what networks, truth and baselines say.

Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mmsapiens.classes.class_sets import get_class_set as get_parts
from mmsapiens.keypoints.keypoint_sets import get_keypoint_set
from mmsapiens.ops.depth_alignment import align_depth
from mmsapiens.visualization.colors import color_values
from mmsapiens.visualization.keypoints import draw_person
from mmsapiens.visualization.maps import draw_parts, normals_to_rgb

BACKGROUND = (40, 42, 48)
TALLEST = 384
"""Images and maps are drawn at this height, in pixels."""
STROKE_BOX = np.array([0, 0, 700, 700])
"""Lines are as thick as for a person of this box."""


def enlarge(image: NDArray, nearest: bool = False) -> NDArray:
    """An image or map at :data:`TALLEST` pixels of height.

    Args:
        image (NDArray): (H, W) or (H, W, _).
        nearest (bool): For class ids and masks. Defaults to False.
    """
    scale = TALLEST / image.shape[0]
    method = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    if scale < 1:
        method = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA
    size_wh = (round(image.shape[1] * scale), TALLEST)
    return cv2.resize(image, size_wh, interpolation=method)


def draw_pose(image: NDArray, points: NDArray, threshold: float = 0.0) -> NDArray:
    """A skeleton on an image.

    Args:
        image (NDArray): The image.
        points (NDArray): x, y in its pixels and score, (17, 3).
        threshold (float): Points of this score or less are left out. Defaults to 0.
    """
    scale = TALLEST / image.shape[0]
    canvas = np.ascontiguousarray(enlarge(image))
    draw_person(
        canvas,
        (points[:, :2] + 0.5) * scale - 0.5,
        points[:, 2],
        get_keypoint_set('coco'),
        threshold=threshold + 1e-6,
        box=STROKE_BOX,
    )
    return canvas


def draw_labels(image: NDArray, labels: NDArray) -> NDArray:
    """Body parts over an image; ``labels`` are class ids (H, W)."""
    palette = get_parts('goliath28').metainfo()['palette']
    labels = enlarge(labels.astype(np.uint8), nearest=True)
    return draw_parts(enlarge(image), labels, palette, opacity=0.75)


def draw_depth(depth: NDArray, mask: NDArray, limits: tuple[float, float] | None = None) -> NDArray:
    """Depth in colors, near is bright.

    Args:
        depth (NDArray): Larger is farther, (H, W).
        mask (NDArray): Pixels to draw, bool (H, W).
        limits (tuple[float, float], optional): Nearest and farthest depth. Defaults to None, those
            of the mask.
    """
    if limits is None:
        inside = depth[mask]
        limits = tuple(np.percentile(inside, (1, 99))) if inside.size else (0, 1)
    low, high = limits
    shown = np.clip(depth, low, high)
    image = color_values(
        -enlarge(shown.astype(np.float32)), limits=(-high, -low), color_map='inferno'
    )
    return _on_background(image, mask)


def draw_normals(normals: NDArray, mask: NDArray) -> NDArray:
    """Normals in colors; ``normals`` are (H, W, 3), ``mask`` bool (H, W)."""
    return _on_background(normals_to_rgb(enlarge(normals)), mask)


def _on_background(image: NDArray, mask: NDArray) -> NDArray:
    shown = enlarge(mask.astype(np.uint8), nearest=True) > 0
    image = image.copy()
    image[~shown] = BACKGROUND
    return image


def depth_error(pred: NDArray, true: NDArray, mask: NDArray) -> float:
    """AbsRel of a person after alignment by scale and shift."""
    aligned = align_depth(pred, true, mask)
    return float((np.abs(aligned - true) / np.maximum(true, 1e-6))[mask].mean())


def angle_error(pred: NDArray, true: NDArray, mask: NDArray) -> float:
    """Mean angle in degrees; both (H, W, 3)."""
    length = np.linalg.norm(pred, axis=-1) * np.linalg.norm(true, axis=-1)
    cosine = (pred * true).sum(-1) / np.maximum(length, 1e-6)
    return float(np.degrees(np.arccos(cosine.clip(-1, 1)))[mask].mean())


def part_legend(labels: list[NDArray]) -> list[tuple[str, str]]:
    """Name and color of the parts that occur in some maps."""
    meta = get_parts('goliath28').metainfo()
    found = sorted({int(i) for one in labels for i in np.unique(one)} - {0})
    return [
        (meta['classes'][i].replace('_', ' '), '#{:02x}{:02x}{:02x}'.format(*meta['palette'][i]))
        for i in found
        if i < len(meta['classes'])
    ]
