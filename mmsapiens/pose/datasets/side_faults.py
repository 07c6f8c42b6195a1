"""Left and right exchanged, found by geometry where the image leaves little doubt.

x is to the right, y down: of a face that looks at the camera, the left eye is on the right, and the
nose is clockwise from the vector right eye -> left eye. Shapes: K keypoints.
"""

from collections.abc import Iterator

import numpy as np

from ...keypoints.keypoint_sets import KeypointSet

Finding = tuple[str, str]
"""Kind and message of a fault, whose place the caller knows."""

MIN_EYES_PX = 4.0
MAX_NOSE_SHIFT = 0.35
"""Of the nose along the line through the eyes, in eye distances, of a face towards the camera."""
MIN_NOSE_DROP = 0.3
"""Of the nose from that line; a head thrown back has it a little above the eyes."""
MIN_SHOULDERS = 0.4
"""Width of reversed shoulders, in lengths of the torso: seen from the side it is 0.3 or less."""
TORSO_PER_EYES = 6.0
"""Least length of a torso in eye distances, for one that is foreshortened."""
MAX_GAP = 1.5
"""From this distance on, in its own sizes, a hand or foot is detached."""
NEARER = 3.0
MIN_PART_PX = 5.0


def _pair(
    points: np.ndarray, keypoint_set: KeypointSet, name: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Left and right point (2,) of a name, None unless both are visible."""
    names = keypoint_set.keypoint_names
    found = points[[names.index(f'{side}_{name}') for side in _SIDES]]
    return (found[0, :2], found[1, :2]) if (found[:, 2] > 0).all() else None


_SIDES = ('left', 'right')
_PARTS = (('swapped_hands', 'wrist', 'hand'), ('swapped_feet', 'ankle', 'foot'))


def check_sides(points: np.ndarray, keypoint_set: KeypointSet) -> Iterator[Finding]:
    """Find exchanged sides of a person: x, y and visibility (K, 3), finite."""
    yield from _check_face_and_body(points, keypoint_set)
    for kind, *names in _PARTS:
        sides = [each for each in _SIDES if _is_at_other_joint(points, keypoint_set, each, *names)]
        if sides:
            joint, part = names
            text = f'must be at its own {joint}, but is detached from it and near the other one'
            yield kind, f'the {" and ".join(sides)} {part} {text}'


def _check_face_and_body(points: np.ndarray, keypoint_set: KeypointSet) -> Iterator[Finding]:
    eyes = _pair(points, keypoint_set, 'eye')
    nose = points[keypoint_set.keypoint_names.index('nose')]
    if eyes is None or nose[2] <= 0:
        return
    across = eyes[0] - eyes[1]  # (2,), towards the person's left
    width = float(np.hypot(*across))
    if width < MIN_EYES_PX:
        return
    nose_from_eyes = nose[:2] - (eyes[0] + eyes[1]) / 2
    if abs(nose_from_eyes @ across) > MAX_NOSE_SHIFT * width**2:
        return
    drop = float(across[0] * nose_from_eyes[1] - across[1] * nose_from_eyes[0]) / width**2
    ears = _pair(points, keypoint_set, 'ear')
    if drop < -MIN_NOSE_DROP:
        text = 'eyes and nose of a face that looks at the camera are in mirrored order'
        yield 'swapped_face', text
    elif ears is not None and (ears[0] - ears[1]) @ across < -(width**2):
        yield 'swapped_face', 'the ears are in the reverse order of the eyes'
    elif drop > MIN_NOSE_DROP and _is_reversed(points, keypoint_set, across):
        order = 'shoulders and hips are in the reverse order of the eyes'
        yield 'swapped_body', f'{order}, though face and chest are towards the camera'


def _is_reversed(points: np.ndarray, keypoint_set: KeypointSet, across: np.ndarray) -> bool:
    """Whether the chest contradicts the eyes, and clearly so."""
    shoulders, hips = (_pair(points, keypoint_set, name) for name in ('shoulder', 'hip'))
    if shoulders is None or hips is None:
        return False
    width = np.hypot(*across)
    middles = np.mean(shoulders, axis=0), np.mean(hips, axis=0)
    torso = np.hypot(*(middles[0] - middles[1]))
    scale = max(torso, TORSO_PER_EYES * width)
    chest = (shoulders[0] - shoulders[1]) @ across / width
    waist = (hips[0] - hips[1]) @ across
    return bool(chest < -MIN_SHOULDERS * scale and waist < 0)


def _is_at_other_joint(
    points: np.ndarray, keypoint_set: KeypointSet, side: str, joint: str, part: str
) -> bool:
    """Whether a hand or foot, if it is visible, hangs at the joint of the other side."""
    groups, names = keypoint_set.groups, keypoint_set.keypoint_names
    foot = [index for index in groups.get(part, ()) if names[index].startswith(side)]
    ids = groups.get(f'{side}_{part}') or foot
    visible = [index for index in ids if points[index, 2] > 0]
    joints = _pair(points, keypoint_set, joint)
    if joints is None or not ids or len(visible) < max(3, len(ids) / 2):
        return False
    found = points[visible, :2]
    own, other = joints if side == 'left' else joints[::-1]
    size = max(MIN_PART_PX, np.hypot(*np.ptp(found, axis=0)))
    gap = np.hypot(*(found - own).T).min()
    other_gap = np.hypot(*(found - other).T).min()
    return bool(gap > MAX_GAP * size and gap > NEARER * other_gap)
