"""Lines of the schematic face behind the keypoints of a chart.

Coordinates are those of :mod:`.template_face`.
"""

from __future__ import annotations

import numpy as np

from .template_face import ALONG, CLOCK_DEG, HELIX_NUMBERS, JAW, face_points, from_ear, jaw_points

# Edge of the ear, laid flat.
_EAR_OUTLINE = (
    (0.05, 0.25),
    (0.12, 0.1),
    (0.32, 0.0),
    (0.6, -0.01),
    (0.85, 0.11),
    (0.98, 0.32),
    (0.97, 0.56),
    (0.88, 0.74),
    (0.72, 0.87),
    (0.52, 0.98),
    (0.32, 1.03),
    (0.14, 0.98),
    (0.08, 0.88),
)
_EAR_LINES = (
    '{}_start_of_antihelix {}_midpoint_2_of_antihelix '
    '{}_midpoint_1_of_antihelix {}_midpoint_3_of_antihelix '
    '{}_end_of_antihelix {}_highest_point_of_antitragus '
    '{}_bottom_point_of_tragus {}_protruding_point_of_tragus '
    '{}_top_point_of_tragus',
    '{}_top_end_of_superior_crus {}_start_of_antihelix '
    '{}_midpoint_1_of_inferior_crus {}_top_end_of_inferior_crus',
)
_NOSE_LINES = (
    'center_of_nose_root midpoint_2_of_nose_bridge midpoint_1_of_nose_bridge '
    'midpoint_3_of_nose_bridge tip_of_nose_bridge tip_of_nose',
    'l_outer_corner_of_nose outer_corner_of_l_nostril '
    'inner_corner_of_l_nostril bottom_center_of_nose '
    'inner_corner_of_r_nostril outer_corner_of_r_nostril '
    'r_outer_corner_of_nose',
    'inner_corner_of_l_nostril upper_corner_of_l_nostril outer_corner_of_l_nostril',
    'inner_corner_of_r_nostril upper_corner_of_r_nostril outer_corner_of_r_nostril',
)
_NOSE_SIDE = ((0.1, -0.06), (0.1, 0.18), (0.18, 0.38), (0.27, 0.47), (0.27, 0.56))
_BROW_LINE = (
    'upper_startpoint_of_{0}_eyebrow upper_midpoint_{1}_of_{0}_eyebrow '
    'upper_midpoint_1_of_{0}_eyebrow upper_midpoint_{2}_of_{0}_eyebrow '
    'end_of_{0}_eyebrow lower_midpoint_{2}_of_{0}_eyebrow '
    'lower_midpoint_1_of_{0}_eyebrow lower_midpoint_{1}_of_{0}_eyebrow '
    'lower_startpoint_of_{0}_eyebrow upper_startpoint_of_{0}_eyebrow'
)
_LIP_CENTERS = dict(
    upper_outer='center_of_cupid_bow',
    lower_outer='center_of_lower_outer_lip',
    upper_inner='center_of_upper_inner_lip',
    lower_inner='center_of_lower_inner_lip',
)
_CORNERS = dict(outer='outer_corner_of_mouth', inner='inner_corner_of_mouth')
_SIDE_MARGIN = 1.05
_CHIN_MARGIN = 1.04
_CROWN_Y = -1.5


def head_outline() -> np.ndarray:
    """A closed line around the head without the ears, (P, 2)."""
    angles = np.linspace(0.1, np.pi - 0.1, 15)
    crown = np.stack([np.cos(angles) * JAW[0][0], np.sin(angles) * _CROWN_Y], axis=1)
    edge = np.array(list(jaw_points().values()))
    line = np.concatenate([edge, crown, edge[:1]])
    return line * (_SIDE_MARGIN, _CHIN_MARGIN)


def ear_outline(side: str) -> np.ndarray:
    """The edge of an ear, an open line (P, 2).

    Args:
        side (str): 'l' or 'r', of the person.
    """
    return np.array([from_ear(point, side) for point in _EAR_OUTLINE])


def _lip_lines() -> list[list[str]]:
    lines = []
    for lip, center in _LIP_CENTERS.items():
        corner = _CORNERS[lip.split('_')[1]]
        middle = [
            center if number == 'center' else f'midpoint_{number}_of_{lip}_lip' for number in ALONG
        ]
        lines.append([f'r_{corner}', *middle, f'l_{corner}'])
    return lines


def _eye_lines(side: str) -> list[list[str]]:
    """Names along the lines of an eye; some may lack their ends."""
    lines = []
    for line in ('lash', 'eyelid', 'crease'):
        for lid in ('upper', 'lower'):
            end = f'of_{lid}_{line}_line'
            middle = [
                f'{side}_centerpoint_{end}'
                if number == 'center'
                else f'{side}_midpoint_{number}_{end}'
                for number in (ALONG if side == 'l' else ALONG[::-1])
            ]
            inner, outer = f'{side}_inner_end_{end}', f'{side}_outer_end_{end}'
            lines.append([inner, *middle, outer])
    for part in ('iris', 'pupil'):
        marks = sorted(CLOCK_DEG, key=lambda mark: CLOCK_DEG[mark])
        names = [f'{side}_border_of_{part}_{mark}' for mark in marks]
        lines.append([*names, names[0]])
    return lines


def smooth(line: np.ndarray, steps: int = 8) -> np.ndarray:
    """A curve through the points of a line (Catmull-Rom).

    Args:
        line (np.ndarray): (P, 2); closed if it ends where it starts.
        steps (int): Pieces between two points. Defaults to 8.

    Returns:
        np.ndarray: ((P - 1) * steps + 1, 2).
    """
    is_closed = np.allclose(line[0], line[-1])
    before, after = (line[-2], line[1]) if is_closed else (line[0], line[-1])
    padded = np.concatenate([[before], line, [after]])
    t = np.arange(steps)[:, None] / steps
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:]):
        cubic = 3 * b - a - 3 * c + d
        square = 2 * a - 5 * b + 4 * c - d
        pieces.append(b + ((cubic * t + square) * t + c - a) * t / 2)
    return np.concatenate([*pieces, line[-1:]])


def face_lines() -> list[np.ndarray]:
    """Lines through the points of the features, each (P, 2)."""
    lines = [line.split() for line in _NOSE_LINES] + _lip_lines()
    for side, numbers in (('l', '23'), ('r', '32')):
        lines += _eye_lines(side)
        lines += [line.replace('{}', side).split() for line in _EAR_LINES]
        helix = [f'{side}_point_{number}_of_inner_helix' for number in HELIX_NUMBERS[side]]
        lines.append([f'{side}_start_point_of_crus_of_helix', *helix])
        lines.append(_BROW_LINE.format(side, *numbers).split())
    points = face_points()
    known = [[points[name] for name in line if name in points] for line in lines]
    known += [list(_NOSE_SIDE), [(-x, y) for x, y in _NOSE_SIDE]]
    return [np.array(line) for line in known if line]
