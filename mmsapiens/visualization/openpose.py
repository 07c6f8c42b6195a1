"""People as colored sticks on black, the input of ControlNet.

Layout and colors are those of `OpenPose <https://arxiv.org/abs/1812.08008>`_: limbs as ellipses,
joints as discs, hands as a rainbow of fingers, the face as white dots.
"""

import colorsys

import cv2
import numpy as np

from ..keypoints.keypoint_sets import convert_keypoints, get_keypoint_set

LIMB_WIDTH = 4
LIMB_SHADE = 0.6
JOINT_RADIUS = 4
FACE_RADIUS = 3
HAND_JOINT_COLOR = (0, 0, 255)

_JOINTS = (
    'nose neck right_shoulder right_elbow right_wrist left_shoulder '
    'left_elbow left_wrist right_hip right_knee right_ankle left_hip '
    'left_knee left_ankle right_eye left_eye right_ear left_ear'
)
_LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7)),  # arms
    *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),  # legs
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),  # head
)
_FINGERS = 5
_FINGER_JOINTS = 4


def _rainbow(position: float) -> tuple[int, int, int]:
    """A saturated RGB color; 0 and 1 are red."""
    red, green, blue = colorsys.hsv_to_rgb(position, 1, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_openpose(
    keypoints: np.ndarray,
    scores: np.ndarray,
    vocabulary: str,
    size_hw: tuple[int, int],
    threshold: float = 0.3,
) -> np.ndarray:
    """Draw people in the style of OpenPose on a black canvas, RGB, uint8 (H, W, 3).

    ``keypoints`` (N, K, 2) are x, y in pixels, of the set that ``vocabulary`` names, with
    ``scores`` (N, K).
    """
    target = get_keypoint_set('openpose_wholebody')
    points, values = convert_keypoints(
        np.asarray(keypoints, dtype=float), np.asarray(scores, dtype=float), vocabulary, target.name
    )
    seen = (values >= threshold) & (values > 0)
    canvas: np.ndarray = np.zeros((*size_hw, 3), dtype=np.uint8)
    joints = [target.keypoint_names.index(name) for name in _JOINTS.split()]
    for person, visible in zip(points, seen):
        _draw_limbs(canvas, person[joints], visible[joints])
    canvas = (canvas * LIMB_SHADE).astype(np.uint8)
    for person, visible in zip(points, seen):
        for number, joint in enumerate(joints):
            if visible[joint]:
                _disc(canvas, person[joint], JOINT_RADIUS, _rainbow(number / len(joints)))
        for hand in ('left_hand', 'right_hand'):
            ids = list(target.groups[hand])
            _draw_hand(canvas, person[ids], visible[ids])
        for index in target.groups['face']:
            if visible[index]:
                _disc(canvas, person[index], FACE_RADIUS, (255, 255, 255))
    return canvas


def _disc(canvas: np.ndarray, point: np.ndarray, radius: int, color: tuple[int, int, int]) -> None:
    center = (round(float(point[0])), round(float(point[1])))
    cv2.circle(canvas, center, radius, color, -1)


def _draw_limbs(canvas: np.ndarray, joints: np.ndarray, visible: np.ndarray) -> None:
    """Ellipses between the 18 joints."""
    for number, (start, end) in enumerate(_LIMBS):
        if not (visible[start] and visible[end]):
            continue
        middle = (joints[start] + joints[end]) / 2
        offset = joints[end] - joints[start]
        angle = np.degrees(np.arctan2(offset[1], offset[0]))
        center = round(float(middle[0])), round(float(middle[1]))
        axes = round(float(np.hypot(*offset)) / 2), LIMB_WIDTH
        polygon = cv2.ellipse2Poly(center, axes, round(float(angle)), 0, 360, 1)
        color = _rainbow(number / len(_JOINTS.split()))
        cv2.fillConvexPoly(canvas, np.array(polygon), color)


def _draw_hand(canvas: np.ndarray, joints: np.ndarray, visible: np.ndarray) -> None:
    """Fingers of a hand of 21 joints, the root first."""
    count = _FINGERS * _FINGER_JOINTS
    for number in range(count):
        start = 0 if number % _FINGER_JOINTS == 0 else number
        end = number + 1
        if visible[start] and visible[end]:
            ends = np.round(joints[[start, end]]).astype(int).tolist()
            color = _rainbow(number / count)
            cv2.line(canvas, tuple(ends[0]), tuple(ends[1]), color, 2)
    for index in np.flatnonzero(visible):
        _disc(canvas, joints[index], JOINT_RADIUS, HAND_JOINT_COLOR)
