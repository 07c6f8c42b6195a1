"""Where the keypoints of a face are drawn: a schematic one, from the front.

Unit: half the width of the head. The origin is between the pupils, x grows to the right of the
image, which is the person's left, and y downwards.

Only the person's left half is written down. The right half is its mirror image; the names of a
mirrored curve are listed beside those of the curve, because numbered points keep their order from
left to right in the *image* on either side of the face. Features are larger than life where many
points share a small place, and points that are one place in a person (eye, iris and pupil) are
drawn a little apart.
"""

from __future__ import annotations

import numpy as np

Point = tuple[float, float]
Points = dict[str, Point]

EYE_CENTER = (0.47, 0.0)
IRIS_RADIUS = 0.11
PUPIL_RADIUS = 0.057
_EYE_HALF_WIDTH = 0.31
CLOCK_DEG = {
    '12': 90,
    '3': 0,
    '6': -90,
    '9': 180,
    'midpoint_1': 45,
    'midpoint_2': -45,
    'midpoint_3': -135,
    'midpoint_4': 135,
}

# Numbers of the midpoints of a curve, in the image from left to right: 1 and 2 halve its two
# sides, 3 to 6 the quarters.
ALONG = ('3', '1', '4', 'center', '5', '2', '6')

_MIDDLE = {
    'center_of_glabella': (0.0, -0.2),
    'center_of_nose_root': (0.0, -0.04),
    'midpoint_2_of_nose_bridge': (0.0, 0.06),
    'midpoint_1_of_nose_bridge': (0.0, 0.16),
    'midpoint_3_of_nose_bridge': (0.0, 0.26),
    'tip_of_nose_bridge': (0.0, 0.35),
    'nose': (0.0, 0.435),
    'tip_of_nose': (0.0, 0.52),
    'bottom_center_of_nose': (0.0, 0.64),
    'center_of_cupid_bow': (0.0, 0.765),
    'center_of_upper_inner_lip': (0.0, 0.865),
    'center_of_lower_inner_lip': (0.0, 0.99),
    'center_of_lower_outer_lip': (0.0, 1.125),
    'center_of_labiomental_groove': (0.0, 1.22),
    'tip_of_chin': (0.0, 1.34),
}
# Left side, {} is the side; the same name on the right.
_PAIRED = {
    '{}_outer_corner_of_nose': (0.27, 0.56),
    'outer_corner_of_{}_nostril': (0.185, 0.6),
    'inner_corner_of_{}_nostril': (0.075, 0.6),
    'upper_corner_of_{}_nostril': (0.13, 0.53),
    '{}_outer_corner_of_mouth': (0.5, 0.92),
    '{}_inner_corner_of_mouth': (0.4, 0.925),
    'upper_startpoint_of_{}_eyebrow': (0.16, -0.55),
    'lower_startpoint_of_{}_eyebrow': (0.18, -0.46),
    'end_of_{}_eyebrow': (0.83, -0.55),
    '{}_center_of_iris': (EYE_CENTER[0], -0.027),
    '{}_center_of_pupil': EYE_CENTER,
}
# Eyebrow, from the nose outwards.
_BROW = {
    'upper': ((0.33, -0.65), (0.5, -0.695), (0.67, -0.66)),
    'lower': ((0.34, -0.54), (0.5, -0.58), (0.66, -0.565)),
}
_BROW_NUMBERS = dict(l=('2', '1', '3'), r=('3', '1', '2'))
# Lips, from the middle outwards.
_LIPS = {
    'upper_outer': ((0.125, 0.73), (0.25, 0.765), (0.375, 0.83)),
    'lower_outer': ((0.125, 1.115), (0.25, 1.08), (0.375, 1.01)),
    'upper_inner': ((0.1, 0.855), (0.2, 0.865), (0.3, 0.885)),
    'lower_inner': ((0.1, 0.985), (0.2, 0.97), (0.3, 0.95)),
}
_LIP_NUMBERS = dict(l=('5', '2', '6'), r=('4', '1', '3'))
# Height of the lines of the eye above the line of the corners, and their half width. The lash line
# is the outer edge of the lid, the eyelid line the one at the eyeball.
_EYE_LINES = {
    'upper_lash': (-0.19, _EYE_HALF_WIDTH),
    'lower_lash': (0.185, _EYE_HALF_WIDTH),
    'upper_eyelid': (-0.135, 0.25),
    'lower_eyelid': (0.13, 0.25),
    'upper_crease': (-0.29, 0.34),
}
_CORNER_GAP = 0.02
_OUTER_CORNER_RISE = 0.03

# Ear, laid flat: x from the face backwards, y downwards, both in [0, 1].
EAR_BOX = (0.97, -0.38, 0.72, 1.15)
_EAR = {
    'top_connecting_point_of_helix': (0.05, 0.25),
    'bottom_connecting_point_of_ear_lobe': (0.08, 0.88),
    'tip_of_ear_lobe': (0.32, 0.99),
    'midpoint_between_22_15': (0.74, 0.83),
    'top_end_of_superior_crus': (0.56, 0.21),
    'top_end_of_inferior_crus': (0.37, 0.3),
    'midpoint_1_of_inferior_crus': (0.49, 0.345),
    'start_of_antihelix': (0.62, 0.39),
    'midpoint_2_of_antihelix': (0.68, 0.475),
    'midpoint_1_of_antihelix': (0.7, 0.56),
    'midpoint_3_of_antihelix': (0.66, 0.645),
    'end_of_antihelix': (0.58, 0.72),
    'highest_point_of_antitragus': (0.43, 0.73),
    'bottom_point_of_tragus': (0.19, 0.68),
    'protruding_point_of_tragus': (0.25, 0.58),
    'top_point_of_tragus': (0.15, 0.48),
    'start_point_of_crus_of_helix': (0.33, 0.42),
    'deepest_point_of_concha': (0.46, 0.55),
}
_INNER_HELIX = (
    (0.2, 0.32),
    (0.27, 0.18),
    (0.45, 0.1),
    (0.65, 0.12),
    (0.8, 0.22),
    (0.87, 0.36),
    (0.87, 0.52),
    (0.82, 0.66),
)
# The 2 of one ear is the 8 of the other in the table of swaps.
HELIX_NUMBERS = dict(l='12345678', r='18345672')
# The face's edge from the ear of the left side to the chin.
JAW = (
    (0.95, -0.02),
    (0.945, 0.22),
    (0.92, 0.46),
    (0.87, 0.69),
    (0.78, 0.9),
    (0.64, 1.1),
    (0.45, 1.27),
    (0.23, 1.39),
    (0.0, 1.44),
)


def _mirrored(point: Point) -> Point:
    return -point[0], point[1]


def _side(point: Point, side: str) -> Point:
    """A point of the left side, or its mirror image."""
    return point if side == 'l' else _mirrored(point)


def _lips() -> Points:
    points = {}
    for side in 'lr':
        for lip, curve in _LIPS.items():
            for number, point in zip(_LIP_NUMBERS[side], curve):
                name = f'midpoint_{number}_of_{lip}_lip'
                points[name] = _side(point, side)
    return points


def _brows() -> Points:
    points = {}
    for side in 'lr':
        for edge, curve in _BROW.items():
            for number, point in zip(_BROW_NUMBERS[side], curve):
                name = f'{edge}_midpoint_{number}_of_{side}_eyebrow'
                points[name] = _side(point, side)
    return points


def _eye_line(line: str, side: str) -> Points:
    """A lash line, eyelid line or crease with its ends, where it has some."""
    height, half_width = _EYE_LINES[line]
    inner_to_outer = ALONG if side == 'l' else ALONG[::-1]
    names = [
        f'{side}_centerpoint_of_{line}_line'
        if number == 'center'
        else f'{side}_midpoint_{number}_of_{line}_line'
        for number in inner_to_outer
    ]
    names = [f'{side}_inner_end_of_{line}_line', *names, f'{side}_outer_end_of_{line}_line']
    points = {}
    for name, share in zip(names, np.linspace(-1, 1, len(names))):
        arch = height * (1 - abs(share) ** 2.4)
        gap = np.sign(height) * _CORNER_GAP
        x = EYE_CENTER[0] + half_width * share
        y = EYE_CENTER[1] + arch + gap - _OUTER_CORNER_RISE * share
        points[name] = _side((float(x), float(y)), side)
    if 'crease' in line:
        points.pop(names[-1])
    if 'lash' not in line:
        points.pop(names[0])
    return points


def _rim(part: str, radius: float, side: str) -> Points:
    """Rim of iris or pupil; 3 o'clock is to the right on either side."""
    center = _side(EYE_CENTER, side)
    return {
        f'{side}_border_of_{part}_{mark}': (
            center[0] + radius * float(np.cos(np.deg2rad(angle))),
            center[1] - radius * float(np.sin(np.deg2rad(angle))),
        )
        for mark, angle in CLOCK_DEG.items()
    }


def from_ear(point: Point, side: str) -> Point:
    """Coordinates of the ear in those of the face.

    Args:
        point (Point): In the ear laid flat.
        side (str): 'l' or 'r', of the person.
    """
    left, top, width, height = EAR_BOX
    return _side((left + width * point[0], top + height * point[1]), side)


def _ear(side: str) -> Points:
    points = {f'{side}_{name}': p for name, p in _EAR.items()}
    for number, point in zip(HELIX_NUMBERS[side], _INNER_HELIX):
        points[f'{side}_point_{number}_of_inner_helix'] = point
    points[dict(l='left_ear', r='right_ear')[side]] = (0.36, 0.64)
    return {name: from_ear(point, side) for name, point in points.items()}


def face_points() -> Points:
    """Positions of the points of the head, those of the body included.

    Returns:
        Points: Name in the vocabulary of 308 -> (x, y).
    """
    points: Points = {**_MIDDLE, **_lips(), **_brows()}
    for side, word in (('l', 'left'), ('r', 'right')):
        for name, point in _PAIRED.items():
            points[name.format(side)] = _side(point, side)
        for line in _EYE_LINES:
            points.update(_eye_line(line, side))
        points.update(_rim('iris', IRIS_RADIUS, side))
        points.update(_rim('pupil', PUPIL_RADIUS, side))
        points.update(_ear(side))
        points[f'{word}_eye'] = _side((EYE_CENTER[0], 0.027), side)
    return points


def jaw_points() -> Points:
    """Positions of ``face-0`` to ``face-16``, the edge of the face."""
    right = [_mirrored(point) for point in JAW]
    edge = [*right, *JAW[-2::-1]]
    return {f'face-{index}': point for index, point in enumerate(edge)}
