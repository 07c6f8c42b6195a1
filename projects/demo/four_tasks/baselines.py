"""What one can say about an image without looking at it.

Shapes: N images, K keypoints, C classes, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def mean_pose(keypoints: NDArray, boxes: NDArray) -> NDArray:
    """Mean place of each keypoint in the box.

    Args:
        keypoints (NDArray): x, y and visibility in pixels, (N, K, 3); visibility 0 does not count.
        boxes (NDArray): x, y, width, height (N, 4).

    Returns:
        NDArray: Shares of width and height, (K, 2); the middle for a keypoint that is never seen.
    """
    shares = keypoints[..., :2] - boxes[:, None, :2]
    shares = shares / boxes[:, None, 2:]  # (N, K, 2)
    seen = (keypoints[..., 2:] > 0).astype(float)  # (N, K, 1)
    count = seen.sum(0)
    mean = (shares * seen).sum(0) / np.maximum(count, 1)
    return np.where(count > 0, mean, 0.5)


def place_pose(pose: NDArray, box: NDArray) -> NDArray:
    """Put a pose into a box.

    Args:
        pose (NDArray): Shares of width and height, (K, 2).
        box (NDArray): x1, y1, x2, y2 in pixels, (4,).

    Returns:
        NDArray: Pixels (K, 2).
    """
    return box[:2] + pose * (box[2:] - box[:2])


def most_frequent_class(labels: Iterable[NDArray], num_classes: int) -> NDArray:
    """The most frequent class at each place of the image.

    Args:
        labels (Iterable[NDArray]): Class ids, each (H, W); others than the classes do not count.
        num_classes (int): Number of classes C.

    Returns:
        NDArray: uint8 (H, W).
    """
    counts: NDArray | None = None
    for label in labels:
        if counts is None:
            counts = np.zeros((num_classes, *label.shape), dtype=np.int32)
        rows, columns = np.nonzero(label < num_classes)
        counts[label[rows, columns], rows, columns] += 1
    if counts is None:
        raise ValueError('`labels` must not be empty')
    return counts.argmax(0).astype(np.uint8)


def mean_map(maps: Iterable[tuple[NDArray, NDArray]]) -> tuple[NDArray, NDArray]:
    """Mean of maps of people, over everything and at each place.

    Args:
        maps (Iterable[tuple[NDArray, NDArray]]): A map (H, W, _) and the pixels that count, bool
            (H, W).

    Returns:
        tuple[NDArray, NDArray]: The mean (_) of all pixels, and that of each place (H, W, _); the
        first where there was never anyone.
    """
    total: NDArray | None = None
    for values, mask in maps:
        if total is None:
            total = np.zeros(values.shape)
            count = np.zeros((*mask.shape, 1))
        total[mask] += values[mask]
        count[mask] += 1
    if total is None:
        raise ValueError('`maps` must not be empty')
    overall = total.sum((0, 1)) / max(count.sum(), 1)
    return overall, np.where(count > 0, total / np.maximum(count, 1), overall)


def relative(depth: NDArray, mask: NDArray) -> NDArray:
    """Depth from 0, the nearest pixel of a person, to 1, the farthest.

    Args:
        depth (NDArray): (H, W).
        mask (NDArray): Pixels of the person, bool (H, W).
    """
    low, high = depth[mask].min(), depth[mask].max()
    return (depth - low) / max(high - low, 1e-6)
