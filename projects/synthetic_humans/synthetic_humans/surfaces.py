"""Triangles with everything that shading and labels need to know of them.

Shapes: V vertices, F faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .labels import MATERIAL

POSITION = slice(0, 3)
NORMAL = slice(3, 6)
REST = slice(6, 9)
UV = slice(9, 11)
ARM, LEG, JAW, SCALP = 11, 12, 13, 14
ATTRIBUTES = 15
"""Columns of the attributes of a vertex: position and normal in the world, rest position, texture
coordinate, limb coordinates, jaw and hair line."""


@dataclass(frozen=True)
class Surface:
    """A triangle mesh.

    Args:
        attributes (NDArray): (V, 15), see the columns of this module.
        faces (NDArray): Vertices of the triangles (F, 3).
        material (NDArray): Row of ``MATERIALS`` for each triangle.
        region (NDArray): Row of ``SKIN_REGIONS``; of sheets that belong to a leg, whether it is the
            left one.
    """

    attributes: NDArray
    faces: NDArray
    material: NDArray
    region: NDArray

    @property
    def positions(self) -> NDArray:
        """Vertices (V, 3) in the world."""
        return self.attributes[:, POSITION]


def make_attributes(
    position: NDArray, normal: NDArray, rest: NDArray, **columns: NDArray
) -> NDArray:
    """Attributes (V, 15) of vertices.

    Args:
        position (NDArray): (V, 3).
        normal (NDArray): (V, 3).
        rest (NDArray): (V, 3).
        columns (NDArray): ``uv`` (V, 2), ``arm``, ``leg``, ``jaw``, ``scalp`` (V,). Default to 0.
    """
    out = np.zeros((len(position), ATTRIBUTES))
    out[:, POSITION], out[:, NORMAL] = position, normal
    out[:, REST] = rest
    where = {'uv': UV, 'arm': ARM, 'leg': LEG, 'jaw': JAW, 'scalp': SCALP}
    for name, values in columns.items():
        out[:, where[name]] = values
    return out


def make_surface(
    attributes: NDArray, faces: NDArray, material: str, region: NDArray | int = 0
) -> Surface:
    """A surface of one material, without unused vertices."""
    used, inverse = np.unique(faces, return_inverse=True)
    count = len(faces)
    return Surface(
        attributes[used],
        inverse.reshape(-1, 3),
        np.full(count, MATERIAL[material], np.int32),
        np.broadcast_to(np.asarray(region, np.int32), (count,)),
    )


def join(surfaces: Sequence[Surface]) -> Surface:
    """All triangles of several surfaces."""
    starts = np.cumsum([0, *(len(s.attributes) for s in surfaces)])
    return Surface(
        np.concatenate([s.attributes for s in surfaces]),
        np.concatenate([s.faces + k for s, k in zip(surfaces, starts)]),
        np.concatenate([s.material for s in surfaces]),
        np.concatenate([s.region for s in surfaces]),
    )
