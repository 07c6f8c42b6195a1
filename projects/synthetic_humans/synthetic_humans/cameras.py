"""Pinhole cameras that look at people, as in the evaluation of the paper.

Camera frame of OpenCV: x right, y down, z forward; middle of the first pixel at (0.5, 0.5); no
distortion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .geometry import rotation, unit

VIEWS = ('face', 'upper_body', 'full_body')
VIEW_CHANCES = (0.25, 0.3, 0.45)
YAWS: dict[str, tuple[float, float, float]] = {
    'mixed': (35.0, 40.0, 0.7),
    'frontal': (20.0, 20.0, 1.0),
    'any': (35.0, 40.0, 0.0),
}
"""Directions from which people are seen -> deviation in degrees of views of the face and of other
views, and share of the latter that are meant to be from the front; the rest comes from any side.
"""

FOCAL_RANGE = (28.0, 100.0)
"""Focal length in millimetres on a film of 36 mm along the longer side."""

_MARGINS = {'face': (1.15, 1.9), 'upper_body': (1.02, 1.3), 'full_body': (1.05, 1.4)}
_NEAREST = 0.15


@dataclass(frozen=True)
class Camera:
    """A camera.

    Args:
        rotation (NDArray): World to camera (3, 3).
        center (NDArray): Position in the world (3,).
        focal (float): In pixels.
        size_hw (tuple[int, int]): Height and width in pixels.
    """

    rotation: NDArray
    center: NDArray
    focal: float
    size_hw: tuple[int, int]

    @property
    def principal_point(self) -> tuple[float, float]:
        """x and y of the optical axis in pixels."""
        height, width = self.size_hw
        return width / 2, height / 2

    def project(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Pixels (N, 2) and depths (N,) of points (N, 3)."""
        local = (points - self.center) @ self.rotation.T
        depth = local[:, 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        pixels = local[:, :2] / safe[:, None] * self.focal
        return pixels + self.principal_point, depth

    def rays(self, pixels: NDArray) -> NDArray:
        """World directions (N, 3) of pixels, of unit z in the camera."""
        local = np.ones((len(pixels), 3))
        local[:, :2] = (pixels - self.principal_point) / self.focal
        return local @ self.rotation

    def to_dict(self) -> dict[str, object]:
        """The numbers for a JSON file: ``x = K (R X + t)``."""
        cx, cy = self.principal_point
        matrix = [[self.focal, 0, cx], [0, self.focal, cy], [0, 0, 1]]
        return {
            'K': matrix,
            'R': self.rotation.tolist(),
            't': (-self.rotation @ self.center).tolist(),
            'size_hw': list(self.size_hw),
            'axes': 'opencv',
            'pixel_centre': 0.5,
        }


@dataclass(frozen=True)
class Aim:
    """A direction of view, before the distance is known.

    Args:
        backward (NDArray): Unit vector from the subject to the camera.
        rotation (NDArray): World to camera.
        focal_mm (float): On 36 mm.
        margin (float): How much larger than the subject the image is.
    """

    backward: NDArray
    rotation: NDArray
    focal_mm: float
    margin: float


def sample_aim(view: str, facing_degrees: float, rng: Generator, yaw_kind: str = 'mixed') -> Aim:
    """A random direction, focal length and roll.

    Args:
        view (str): One of :data:`VIEWS`.
        facing_degrees (float): Where the face points about the vertical.
        rng (Generator): Source of all randomness.
        yaw_kind (str): A key of :data:`YAWS`. Defaults to 'mixed'.

    Raises:
        ValueError: If there is no such view.
        KeyError: If there is no such kind.
    """
    if view not in VIEWS:
        raise ValueError(f'`view` must be one of {VIEWS}, but got {view!r}')
    if yaw_kind not in YAWS:
        raise KeyError(f'`yaw_kind` must be one of {list(YAWS)}, but got {yaw_kind!r}')
    face_spread, spread, front_share = YAWS[yaw_kind]
    if view == 'face':
        yaw = facing_degrees + np.clip(rng.normal(0, face_spread), -100, 100)
    elif rng.random() < front_share:
        yaw = rng.normal(0, spread)
    else:
        yaw = rng.uniform(-180, 180)
    pitch = np.radians(np.clip(rng.normal(4, 9), -25, 35))
    roll = rng.normal(0, 4)
    turn = np.radians(yaw)
    backward = np.array(
        [np.sin(turn) * np.cos(pitch), -np.cos(turn) * np.cos(pitch), np.sin(pitch)]
    )
    right = unit(np.cross(-backward, [0, 0, 1.0]))
    down = np.cross(-backward, right)
    matrix = rotation([0, 0, 1], roll) @ np.stack([right, down, -backward])
    focal = rng.uniform(*FOCAL_RANGE)
    return Aim(backward, matrix, float(focal), float(rng.uniform(*_MARGINS[view])))


def fit_camera(aim: Aim, points: NDArray, size_hw: tuple[int, int], shift: NDArray) -> Camera:
    """Move back until points fill the image.

    Args:
        aim (Aim): Direction and focal length.
        points (NDArray): What must be seen (N, 3).
        size_hw (tuple[int, int]): Height and width in pixels.
        shift (NDArray): Of the subject in the image, shares of it (2,).
    """
    height, width = size_hw
    focal = aim.focal_mm / 36 * max(size_hw)
    middle = (points.min(0) + points.max(0)) / 2
    local = (points - middle) @ aim.rotation.T
    extent = np.abs(local[:, :2]) * (2 * focal / np.array([width, height]))
    # |x| f / (z + d) <= w / 2 / margin for all points: the largest d counts.
    needed = extent.max(1) * aim.margin - local[:, 2]
    distance = max(needed.max(), _NEAREST - local[:, 2].min())
    offset = shift * distance * np.array([width, height]) / focal
    center = middle + aim.backward * distance
    center = center + offset @ aim.rotation[:2]
    center[2] = max(center[2], 0.12)
    return Camera(aim.rotation, center, focal, size_hw)
