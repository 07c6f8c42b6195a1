"""Places for the labels of crowded points.

Letters: N labels, M points, L points along lines, C candidate places of a label.
"""

from __future__ import annotations

import numpy as np

_DIRECTIONS = 16
_DISTANCES = (6.0, 9.0, 14.0, 20.0, 27.0, 36.0)
_SWEEPS = 8
_OVERLAP_COST = 40.0
_POINT_COST = 60.0
_LINE_COST = 4.0
_MOST_LINE_POINTS = 8
_WRONG_POINT_COST = 25.0
_OUTSIDE_COST = 500.0
_GAP = 2.0
_REACH = 120.0
_POINT_GAP = 3.0


def _candidates(size_wh: np.ndarray) -> np.ndarray:
    """Centers of a box around the origin that leave it free, (C, 2)."""
    angles = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS - np.pi / 4
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([rays * distance + rays * size_wh / 2 for distance in _DISTANCES])


def _covered(
    centers: np.ndarray, size_wh: np.ndarray, points: np.ndarray, gap: float = 0.0
) -> np.ndarray:
    """How many points a box at each center covers, (C, )."""
    away = np.abs(centers[:, None] - points[None])
    return (away < size_wh / 2 + gap).all(axis=-1).sum(axis=1)


def _overlap(
    centers: np.ndarray, size_wh: np.ndarray, others: np.ndarray, sizes_wh: np.ndarray
) -> np.ndarray:
    """Share of a box at each center that the other boxes cover, (C, )."""
    reach = (size_wh + sizes_wh) / 2 + _GAP
    inner = reach - np.abs(centers[:, None] - others[None])  # (C, N, 2)
    area = np.clip(inner, 0, None).prod(axis=-1).sum(axis=-1)
    return area / size_wh.prod()


def _own_cost(
    point: np.ndarray,
    centers: np.ndarray,
    size_wh: np.ndarray,
    points: np.ndarray,
    line_points: np.ndarray,
    canvas_wh: np.ndarray,
) -> np.ndarray:
    """What does not depend on the other labels, (C, )."""
    covered = _covered(centers, size_wh, points, _POINT_GAP)
    crossed = _covered(centers, size_wh, line_points)
    own = np.linalg.norm(centers - point, axis=-1)
    away = np.linalg.norm(centers[:, None] - points[None], axis=-1)
    closer = (away < own[:, None] - 1e-6).sum(axis=1)
    low, high = centers - size_wh / 2, centers + size_wh / 2
    outside = (low < 0).any(axis=1) | (high > canvas_wh).any(axis=1)
    return (
        own
        + _POINT_COST * covered
        + _LINE_COST * np.minimum(crossed, _MOST_LINE_POINTS)
        + _WRONG_POINT_COST * np.minimum(closer, 3)
        + _OUTSIDE_COST * outside
    )


def place_labels(
    points: np.ndarray,
    sizes_wh: np.ndarray,
    obstacles: np.ndarray,
    line_points: np.ndarray,
    canvas_wh: tuple[float, float],
) -> np.ndarray:
    """Put labels beside their points, clear of each other and of points.

    Each label in turn takes the best of the places around its point while the others stay; a few
    sweeps settle it. Equal inputs give equal places.

    Args:
        points (np.ndarray): Points to label, pixels, (N, 2).
        sizes_wh (np.ndarray): Width and height of the labels, (N, 2).
        obstacles (np.ndarray): All points that are drawn, (M, 2).
        line_points (np.ndarray): Places on lines, a few pixels apart, that are better left free,
            (L, 2).
        canvas_wh (tuple[float, float]): Size of the image.

    Returns:
        np.ndarray: Centers of the labels, (N, 2).
    """
    places, costs = [], []
    for point, size_wh in zip(points, sizes_wh):
        place = point + _candidates(size_wh)
        away = np.abs(line_points - point).max(axis=1)
        places.append(place)
        costs.append(
            _own_cost(
                point, place, size_wh, obstacles, line_points[away < _REACH], np.array(canvas_wh)
            )
        )
    centers = np.array([p[np.argmin(c)] for p, c in zip(places, costs)])
    for _ in range(_SWEEPS):
        before = centers.copy()
        for index, (place, cost) in enumerate(zip(places, costs)):
            rest = np.arange(len(points)) != index
            crowd = _overlap(place, sizes_wh[index], centers[rest], sizes_wh[rest])
            centers[index] = place[np.argmin(cost + _OVERLAP_COST * crowd)]
        if np.array_equal(before, centers):
            break
    return centers
