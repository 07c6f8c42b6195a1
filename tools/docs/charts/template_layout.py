"""Where each keypoint is drawn: a schematic person, seen from the front.

The layout of the charts in ``docs/vocabularies.md``. The person stands with the arms a little away
from the body, the hands open and their backs to the front, so that the thumbs point to the body.
Unit: a thousandth of the height. The origin is in the middle at the top of the head, x grows to the
right of the image, which is the person's left, and y downwards.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

import numpy as np

from mmsapiens.keypoints.keypoint_sets import NO_MATCH, get_keypoint_set, correspondences
from .template_face import Points, face_points, jaw_points
from .template_sketch import ear_outline, face_lines, head_outline, smooth

FACE_SCALE = 50.0
EYES_Y = 78.0
HAND_LENGTH = 118.0

_MIDDLE = {'neck': (0.0, 205.0), 'mid_hip': (0.0, 520.0)}
_LEFT = {
    'shoulder': (105.0, 205.0),
    'acromion': (118.0, 189.0),
    'elbow': (150.0, 370.0),
    'olecranon': (163.0, 381.0),
    'cubital_fossa': (136.0, 363.0),
    'wrist': (185.0, 525.0),
    'hip': (58.0, 520.0),
    'knee': (62.0, 745.0),
    'ankle': (62.0, 940.0),
    'heel': (48.0, 972.0),
    'big_toe': (76.0, 1008.0),
    'small_toe': (112.0, 988.0),
}
# Hand: x towards the thumb, y from the wrist to the tips, in hand lengths.
_HAND = {
    'hand_root': (0.0, 0.1),
    'thumb_third_joint': (0.22, 0.18),
    'thumb2': (0.39, 0.34),
    'thumb3': (0.51, 0.46),
    'thumb4': (0.61, 0.58),
    'forefinger_third_joint': (0.22, 0.53),
    'forefinger2': (0.29, 0.71),
    'forefinger3': (0.335, 0.84),
    'forefinger4': (0.375, 0.96),
    'middle_finger_third_joint': (0.06, 0.55),
    'middle_finger2': (0.08, 0.76),
    'middle_finger3': (0.09, 0.91),
    'middle_finger4': (0.1, 1.05),
    'ring_finger_third_joint': (-0.09, 0.53),
    'ring_finger2': (-0.13, 0.72),
    'ring_finger3': (-0.155, 0.855),
    'ring_finger4': (-0.18, 0.985),
    'pinky_finger_third_joint': (-0.22, 0.47),
    'pinky_finger2': (-0.3, 0.62),
    'pinky_finger3': (-0.345, 0.725),
    'pinky_finger4': (-0.39, 0.83),
}


def _left_hand() -> Points:
    """The hand continues the forearm."""
    wrist = np.array(_LEFT['wrist'])
    forearm = wrist - np.array(_LEFT['elbow'])
    along = forearm / np.linalg.norm(forearm)
    to_thumb = np.array([-along[1], along[0]])
    points = {}
    for name, (across, down) in _HAND.items():
        x, y = wrist + HAND_LENGTH * (across * to_thumb + down * along)
        points[name] = (float(x), float(y))
    return points


def from_face(points: np.ndarray) -> np.ndarray:
    """Coordinates of the face, (P, 2), in those of the person."""
    return np.asarray(points) * FACE_SCALE + (0.0, EYES_Y)


def head() -> np.ndarray:
    """A closed line around the head without the ears, (P, 2)."""
    return from_face(head_outline())


def sketch() -> list[np.ndarray]:
    """Lines of head and face to draw behind the points, each (P, 2)."""
    edges = [head_outline(), ear_outline('l'), ear_outline('r')]
    return [from_face(smooth(line)) for line in (*edges, *face_lines())]


@cache
def _positions() -> MappingProxyType:
    points: Points = dict(_MIDDLE)
    for name, (x, y) in {**_LEFT, **_left_hand()}.items():
        points[f'left_{name}'] = (x, y)
        points[f'right_{name}'] = (-x, y)
    for name, point in {**face_points(), **jaw_points()}.items():
        x, y = from_face(np.array(point))
        points[name] = (float(x), float(y))
    ours = get_keypoint_set('goliath308').keypoint_names
    other = get_keypoint_set('coco_wholebody').keypoint_names
    for name, index in zip(other, correspondences('goliath308', 'coco_wholebody')):
        if index != NO_MATCH:
            points[name] = points[ours[index]]
    return MappingProxyType(points)


def layout(vocabulary: str) -> np.ndarray:
    """Positions of the keypoints of a vocabulary.

    Args:
        vocabulary (str): One of :data:`mmsapiens.keypoints.keypoint_sets.KEYPOINT_SETS`.

    Returns:
        np.ndarray: (x, y) by index, (K, 2).

    Raises:
        KeyError: If the vocabulary is unknown.
    """
    points = _positions()
    names = get_keypoint_set(vocabulary).keypoint_names
    return np.array([points[name] for name in names])
