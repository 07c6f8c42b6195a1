"""Small geometry: rotations, triangle meshes, noise, spherical harmonics.

Shapes: N points, V vertices, F faces, E edges, K attributes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.ndimage import map_coordinates

NOISE_CELLS = 64
"""Edge of the tiled noise volume in cells; a power of two."""


def unit(x: ArrayLike) -> NDArray:
    """Vectors scaled to length 1 along the last axis."""
    x = np.asarray(x, float)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def smoothstep(low: float, high: float, x: ArrayLike) -> NDArray:
    """Cubic step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((np.asarray(x) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def rotation(axis: ArrayLike, degrees: float) -> NDArray:
    """Rotation matrix (3, 3) about an axis through the origin."""
    x, y, z = unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def rotation_between(a: ArrayLike, b: ArrayLike) -> NDArray:
    """The smallest rotation (3, 3) that turns ``a`` towards ``b``."""
    a, b = unit(a), unit(b)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-8:
        return np.eye(3)
    return rotation(axis / sine, np.degrees(np.arctan2(sine, a @ b)))


def vertex_normals(vertices: NDArray, faces: NDArray) -> NDArray:
    """Area-weighted unit normals (V, 3) of a triangle mesh."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    count = len(vertices)
    out = np.zeros((count, 3))
    for axis in range(3):
        for corner in range(3):
            out[:, axis] += np.bincount(faces[:, corner], face_normals[:, axis], minlength=count)
    return unit(out)


def face_sums(faces: NDArray, count: int) -> sparse.csr_matrix:
    """Matrix (V, F) that adds values of triangles at their vertices."""
    columns: NDArray = np.repeat(np.arange(len(faces)), 3)
    return sparse.csr_matrix(
        (np.ones(faces.size), (faces.reshape(-1), columns)), shape=(count, len(faces))
    )


def triangulate(quads: NDArray) -> NDArray:
    """Two triangles for each quadrilateral, (2F, 3)."""
    quads = np.asarray(quads)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def compact(faces: NDArray, count: int) -> tuple[NDArray, NDArray]:
    """Number the used vertices from 0.

    Args:
        faces (NDArray): Vertex numbers (F, 3).
        count (int): Number of vertices there are.

    Returns:
        tuple: Old numbers of the used vertices, and the renumbered faces.
    """
    used = np.unique(faces)
    number = np.full(count, -1)
    number[used] = np.arange(len(used))
    return used, number[faces]


def subdivide(faces: NDArray, count: int) -> tuple[NDArray, NDArray]:
    """Midpoint subdivision of a topology.

    Args:
        faces (NDArray): Triangles (F, 3).
        count (int): Number of vertices.

    Returns:
        tuple: Edges (E, 2), whose midpoints are vertices ``count`` and up, and the triangles (4F,
        3).
    """
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    sides.sort(axis=1)
    key = sides[:, 0].astype(np.int64) * (count + 1) + sides[:, 1]
    unique, inverse = np.unique(key, return_inverse=True)
    edges = np.stack([unique // (count + 1), unique % (count + 1)], 1)
    a, b, c = inverse.reshape(3, -1) + count
    return edges, np.concatenate(
        [
            np.stack([faces[:, 0], a, c], 1),
            np.stack([a, faces[:, 1], b], 1),
            np.stack([c, b, faces[:, 2]], 1),
            np.stack([a, b, c], 1),
        ]
    )


def phong_midpoints(
    vertices: NDArray, normals: NDArray, edges: NDArray, alpha: float = 0.7
) -> NDArray:
    """Midpoints (E, 3) of edges, bent outwards along the normals."""
    a, b = vertices[edges[:, 0]], vertices[edges[:, 1]]
    na, nb = normals[edges[:, 0]], normals[edges[:, 1]]
    middle = (a + b) / 2
    pa = middle - ((middle - a) * na).sum(1, keepdims=True) * na
    pb = middle - ((middle - b) * nb).sum(1, keepdims=True) * nb
    return (1 - alpha) * middle + alpha * (pa + pb) / 2


def with_midpoints(values: NDArray, edges: NDArray) -> NDArray:
    """Values of vertices followed by the means over edges."""
    return np.concatenate([values, (values[edges[:, 0]] + values[edges[:, 1]]) / 2])


def mean_of_neighbors(faces: NDArray, count: int) -> sparse.csr_matrix:
    """Matrix (V, V) that replaces a value by its neighbors' mean."""
    i = np.concatenate([faces[:, 0], faces[:, 1], faces[:, 2]])
    j = np.concatenate([faces[:, 1], faces[:, 2], faces[:, 0]])
    pairs = (np.r_[i, j], np.r_[j, i])
    matrix = sparse.coo_matrix((np.ones(2 * len(i)), pairs), shape=(count, count)).tocsr()
    matrix.data[:] = 1
    degree = np.asarray(matrix.sum(1)).ravel()
    return (sparse.diags(1 / np.maximum(degree, 1)) @ matrix).tocsr()


def clip_mesh(attributes: NDArray, faces: NDArray, field: NDArray) -> tuple[NDArray, NDArray]:
    """Keep the part of a mesh where a field is positive.

    Args:
        attributes (NDArray): Values of the vertices (V, K).
        faces (NDArray): Triangles (F, 3).
        field (NDArray): One value for each vertex, (V,). Triangles are cut where its linear
            interpolation is 0.

    Returns:
        tuple: Attributes with new vertices at the end, and the triangles.
    """
    inside = field > 0
    count = inside[faces].sum(1)
    new_attributes, new_faces = [attributes], [faces[count == 3]]
    total = len(attributes)
    for corners in (1, 2):
        cut = faces[count == corners]
        if not len(cut):
            continue
        odd = np.argmax(inside[cut] == (corners == 1), 1)
        rows = np.arange(len(cut))
        a, b, c = (cut[rows, (odd + k) % 3] for k in range(3))
        tb = (field[a] / (field[a] - field[b]))[:, None]
        tc = (field[a] / (field[a] - field[c]))[:, None]
        new_attributes += [
            attributes[a] + tb * (attributes[b] - attributes[a]),
            attributes[a] + tc * (attributes[c] - attributes[a]),
        ]
        ib: NDArray = total + rows
        ic: NDArray = ib + len(cut)
        total += 2 * len(cut)
        if corners == 1:
            new_faces.append(np.stack([a, ib, ic], 1))
        else:
            new_faces.append(np.stack([ib, b, c], 1))
            new_faces.append(np.stack([ib, c, ic], 1))
    return np.concatenate(new_attributes), np.concatenate(new_faces)


@cache
def noise_volume() -> NDArray[np.float32]:
    """Tiled fractal noise of mean 0 and deviation 1, (64, 64, 64)."""
    shape = (NOISE_CELLS,) * 3
    white = np.random.default_rng(7).normal(size=shape)
    steps = np.fft.fftfreq(NOISE_CELLS) * NOISE_CELLS
    radius = np.sqrt(
        steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + steps[None, None, :] ** 2
    )
    pink = np.fft.ifftn(np.fft.fftn(white) / (1 + radius) ** 1.6).real
    return ((pink - pink.mean()) / pink.std()).astype(np.float32)


def noise(points: ArrayLike, cells_per_metre: ArrayLike, seed: int) -> NDArray:
    """Fractal noise at points (N, 3), about normal with deviation 1."""
    offset = np.random.default_rng(seed).uniform(0, NOISE_CELLS, 3)
    scaled = np.asarray(points) * np.asarray(cells_per_metre) + offset
    return map_coordinates(noise_volume(), scaled.T, order=1, mode='grid-wrap', prefilter=False)


def sphere_directions(count: int) -> NDArray:
    """Evenly spread unit vectors (N, 3) on a Fibonacci spiral."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    angle = np.pi * (1 + 5**0.5) * i
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], 1)


def harmonics(directions: NDArray) -> NDArray:
    """The nine real spherical harmonics of order 0 to 2, (..., 9)."""
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    return np.stack(
        [
            0.282095 + 0 * x,
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        -1,
    )
