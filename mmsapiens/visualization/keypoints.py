"""People with hundreds of keypoints, drawn so that one can read them.

Shapes: K keypoints, H W pixels.
"""

import cv2
import numpy as np

from ..keypoints.keypoint_sets import KeypointSet

GROUP_COLORS = {
    'body': (66, 133, 244),
    'foot': (15, 157, 88),
    'face': (244, 180, 0),
    'left_hand': (0, 200, 83),
    'right_hand': (255, 112, 67),
    'extra': (171, 71, 188),
}
"""Group -> RGB color of its points and links. Points of the body that have a side take the color
of that hand."""

POINT_SHARE = 0.006  # Radius of a body point as a share of the longer side of the box
MIN_RADIUS = 2.5
SHARE_OF_BODY = dict(face=0.35, left_hand=0.5, right_hand=0.5)
"""Group -> radius of its points as a share of those of the body."""


def group_of_each(keypoint_set: KeypointSet) -> list[str]:
    """The group of each keypoint, by index."""
    groups = ['extra'] * len(keypoint_set)
    for group, ids in keypoint_set.groups.items():
        for index in ids:
            groups[index] = group
    return groups


def point_colors(keypoint_set: KeypointSet) -> list[tuple[int, int, int]]:
    """The RGB color of each keypoint, by index."""
    if keypoint_set.colors:
        return list(keypoint_set.colors)
    colors = []
    for name, group in zip(keypoint_set.keypoint_names, group_of_each(keypoint_set)):
        side = name.split('_')[0]
        is_sided = group == 'body' and side in ('left', 'right')
        colors.append(GROUP_COLORS[f'{side}_hand' if is_sided else group])
    return colors


def point_radius(keypoints: np.ndarray, box: np.ndarray | None) -> float:
    """Radius of a body point in pixels, by the box, or else the extent of the points (M, 2)."""
    extent = np.ptp(keypoints, axis=0) if box is None else np.subtract(box[2:4], box[:2])
    return max(MIN_RADIUS, POINT_SHARE * float(np.max(extent)))


def draw_person(
    image: np.ndarray,
    keypoints: np.ndarray,
    scores: np.ndarray,
    keypoint_set: KeypointSet,
    threshold: float = 0.3,
    box: np.ndarray | None = None,
    with_indices: bool = False,
) -> None:
    """Draw one person onto an RGB image (H, W, 3), in place.

    ``keypoints`` (K, 2) are x, y in pixels; those of at least the threshold are drawn. Points of
    face and hands are smaller than those of the body, and all grow with the box (x1, y1, x2, y2).
    """
    seen = (scores >= threshold) & np.isfinite(keypoints).all(axis=1)
    if not seen.any():
        return
    radius = point_radius(keypoints[seen], box)
    groups, colors = group_of_each(keypoint_set), point_colors(keypoint_set)
    whole = np.round(np.nan_to_num(keypoints)).astype(int)
    own = keypoint_set.link_colors or [None] * len(keypoint_set.links)
    for (start, end), given in zip(keypoint_set.links, own):
        if seen[start] and seen[end]:
            # A wrist belongs to the body, its links to the hand; between two sides of the body a
            # link has the color of the middle.
            small = [g for g in (groups[start], groups[end]) if g != 'body']
            is_one_side = not small and colors[start] == colors[end]
            color = colors[start] if is_one_side else GROUP_COLORS[(*small, 'body')[0]]
            width = max(1, round(radius * (0.4 if keypoint_set.groups and small else 0.7)))
            color = given or color
            ends = [tuple(map(int, whole[index])) for index in (start, end)]
            cv2.line(image, ends[0], ends[1], color, width, cv2.LINE_AA)
    for index in np.flatnonzero(seen):
        size = max(1, round(radius * SHARE_OF_BODY.get(groups[index], 1)))
        x, y = map(int, whole[index])
        cv2.circle(image, (x, y), size, colors[index], -1, cv2.LINE_AA)
        if with_indices:
            font = (cv2.FONT_HERSHEY_SIMPLEX, max(0.25, radius / 10), colors[index], 1, cv2.LINE_AA)
            cv2.putText(image, str(index), (x + 2, y - 2), *font)
