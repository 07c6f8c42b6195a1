"""Keypoints of the mesh in the vocabularies of 17, 133 and 308 points.

A landmark is a weighted sum of vertices (``landmarks.json``), so it follows every shape, pose and
expression. Rims of irises and pupils are computed from the eyeballs. Shapes: K keypoints, V
vertices.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .cameras import Camera
from .raycast import Renderer
from .template import Template

TABLE = Path(__file__).with_name('landmarks.json')
METAINFO = Path(__file__).with_name('goliath308.json')

_FINGERS = ('thumb', 'forefinger', 'middle_finger', 'ring_finger', 'pinky_finger')
_JOINTS = ('_third_joint', '2', '3', '4')
FEET = (
    'left_big_toe', 'left_small_toe', 'left_heel', 'right_big_toe',
    'right_small_toe', 'right_heel',
)  # fmt: skip
BODY = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
    'right_knee', 'left_ankle', 'right_ankle',
)  # fmt: skip
"""The 17 keypoints of COCO."""

TOLERANCES = {
    'third_joint': 0.028, 'shoulder': 0.11, 'hip': 0.16, 'knee': 0.09,
    'elbow': 0.08, 'wrist': 0.06, 'ankle': 0.075, 'toe': 0.04, 'heel': 0.075,
    'thumb': 0.022, 'finger': 0.022, 'left_ear': 0.03, 'right_ear': 0.03,
    'left_eye': 0.025, 'right_eye': 0.025, 'nose': 0.02,
}  # fmt: skip
"""How far joints are below the surface, in meters, by a part of the name."""

SURFACE_TOLERANCE = 0.006
HIDDEN_REACH = 0.25
"""How far from the visible box hidden points are labelled, in shares of its longer side."""

_RIMS = {'iris': 24.0, 'pupil': 9.0}
_CLOCK = {
    '3': 0, 'midpoint_1': 45, '12': 90, 'midpoint_4': 135, '9': 180,
    'midpoint_3': -135, '6': -90, 'midpoint_2': -45,
}  # fmt: skip


def hand_names(side: str) -> list[str]:
    """The 21 points of a hand in COCO-WholeBody's order."""
    joints = [f + j for f in _FINGERS for j in _JOINTS]
    return [f'{side}_wrist', *(f'{side}_{joint}' for joint in joints)]


WHOLEBODY: tuple[str, ...] = (
    *BODY,
    *FEET,
    *(f'face-{k}' for k in range(68)),
    *hand_names('left'),
    *hand_names('right'),
)
"""The 133 keypoints of COCO-WholeBody by the names of this module."""


@cache
def metainfo_308() -> dict[str, Any]:
    """Names, counterparts and groups of the 308 keypoints."""
    return json.loads(METAINFO.read_text('utf-8'))


@cache
def names_308() -> tuple[str, ...]:
    """Names of the 308 keypoints by id."""
    return tuple(point['name'] for point in metainfo_308()['keypoints'])


@cache
def flip_indices_308() -> tuple[int, ...]:
    """For each of the 308 keypoints the one on the other side."""
    names = names_308()
    return tuple(
        names.index(point['swap'] or point['name']) for point in metainfo_308()['keypoints']
    )


def is_of_face(name: str) -> bool:
    """Whether a point belongs to the face, ears included."""
    return name.startswith('face-') or '_of_' in name or name in BODY[:5]


def _tolerance(name: str) -> float:
    if name.startswith('face-') or '_of_' in name:
        return SURFACE_TOLERANCE
    for part, value in TOLERANCES.items():
        if part in name:
            return value
    return SURFACE_TOLERANCE


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of one person in an image.

    Args:
        pixels (dict[str, NDArray]): Name -> x and y.
        visibility (dict[str, int]): Name -> 2 visible, 1 hidden, 0 outside of the image.
    """

    pixels: dict[str, NDArray]
    visibility: dict[str, int]

    def table(self, names: tuple[str, ...] | list[str]) -> NDArray:
        """Rows (K, 3) of x, y, visibility; zeros where there is none."""
        out = np.zeros((len(names), 3))
        for row, name in enumerate(names):
            if self.visibility.get(name, 0) > 0:
                out[row, :2] = self.pixels[name]
                out[row, 2] = self.visibility[name]
        return out

    def guessable(self, box: tuple[int, int, int, int], *, faces_away: bool) -> Keypoints:
        """The same without hidden points that the image says nothing of.

        These are hidden points far from the visible box, and those of a face that is turned away.
        Readers that count every point above 0 as labelled would learn from them.

        Args:
            box (tuple[int, int, int, int]): x, y, width, height of what is seen of the person.
            faces_away (bool): Whether the face is turned away.
        """
        x, y, width, height = box
        reach = HIDDEN_REACH * max(width, height)
        low = np.array([x - reach, y - reach])
        high = np.array([x + width + reach, y + height + reach])
        visibility = dict(self.visibility)
        for name, pixel in self.pixels.items():
            near = (pixel >= low).all() and (pixel <= high).all()
            lost = not near or (faces_away and is_of_face(name))
            if visibility[name] == 1 and lost:
                visibility[name] = 0
        return Keypoints(self.pixels, visibility)


class Landmarks:
    """Places of the landmarks on a body.

    Args:
        template (Template): The body in its rest pose.
        path (Path): Table of vertices and weights. Defaults to that of the project.

    Attributes:
        names (tuple[str, ...]): What can be placed.
    """

    def __init__(self, template: Template, path: Path = TABLE) -> None:
        points = json.loads(path.read_text('utf-8'))['points']
        count = len(template.body.rest)
        rows, columns, weights = [], [], []
        for row, (vertices, shares) in enumerate(points.values()):
            rows += [row] * len(vertices)
            columns += vertices
            weights += shares
        matrix = sparse.csr_matrix((weights, (rows, columns)), shape=(len(points), count))
        total = np.asarray(matrix.sum(1)).ravel()
        self._matrix = sparse.diags(1 / total) @ matrix
        self._fixed = tuple(points)
        self._eyes: dict[str, tuple[NDArray, NDArray]] = {}
        for side in 'lr':
            ids = template.body.vertices_of(f'helper-{side}-eye')
            self._eyes[side] = ids, template.body.rest[ids]
        rims = self._rims(template.body.rest)
        self.names: tuple[str, ...] = (*self._fixed, *rims)

    def locate(self, vertices: NDArray) -> dict[str, NDArray]:
        """Name -> position (3,) on a body with vertices (V, 3)."""
        fixed = dict(zip(self._fixed, self._matrix @ vertices))
        return {**fixed, **self._rims(vertices)}

    def _rims(self, vertices: NDArray) -> dict[str, NDArray]:
        out = {}
        for side, (ids, rest) in self._eyes.items():
            ball, center = vertices[ids], vertices[ids].mean(0)
            # The rotation of the eyeball: a rigid fit to the rest pose.
            covariance = (rest - rest.mean(0)).T @ (ball - center)
            u, _, vt = np.linalg.svd(covariance)
            sign = np.sign(np.linalg.det(vt.T @ u.T))
            turn = vt.T @ np.diag([1, 1, sign]) @ u.T
            radius = np.linalg.norm(ball - center, axis=1).mean()
            for part, degrees in _RIMS.items():
                front = radius * turn @ np.array([0, -1.0, 0])
                out[f'{side}_center_of_{part}'] = center + front
                a = np.radians(degrees)
                for name, clock in _CLOCK.items():
                    b = np.radians(clock)
                    local = [np.sin(a) * np.cos(b), -np.cos(a), np.sin(a) * np.sin(b)]
                    out[f'{side}_border_of_{part}_{name}'] = center + radius * turn @ np.array(
                        local
                    )
        return out


def see_keypoints(
    renderer: Renderer, camera: Camera, points: dict[str, NDArray], *, person: int, scale: float
) -> Keypoints:
    """Project points and test what hides them.

    Args:
        renderer (Renderer): The whole scene.
        camera (Camera): The camera.
        points (dict[str, NDArray]): Name -> position in the world.
        person (int): Row of the person whose points they are.
        scale (float): Size of the person; joints lie deeper in a larger one.
    """
    names = list(points)
    places = np.array([points[name] for name in names])
    pixels, depth = camera.project(places)
    height, width = camera.size_hw
    inside = (pixels >= 0).all(1) & (depth > 0)
    inside &= (pixels[:, 0] < width) & (pixels[:, 1] < height)
    first, owner = renderer.first_hits(camera.center, camera.rays(pixels))
    tolerance = scale * np.array([_tolerance(name) for name in names])
    # Another person in front hides a point whatever its depth.
    tolerance = np.where(owner == person, tolerance, SURFACE_TOLERANCE)
    seen = (first < 0) | (first > depth - tolerance)
    visibility = np.where(inside, np.where(seen, 2, 1), 0)
    return Keypoints(dict(zip(names, pixels)), {name: int(v) for name, v in zip(names, visibility)})
