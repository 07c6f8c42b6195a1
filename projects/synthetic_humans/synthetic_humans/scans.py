"""Scans of the user: images, masks, depth and normals.

Parts and keypoints are not known. Each scan is rendered in the views of the settings, one after the
other: image ``i`` shows scan ``i % scans`` in view ``i // scans % views``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cameras import fit_camera, sample_aim
from .geometry import unit, vertex_normals
from .looks import LOOK_COLUMNS, PATTERN_COLUMNS
from .raycast import NO_ANATOMY, Renderer, Stopwatch
from .sample import PersonLabels, Sample, paint, trace_outline, visible_box
from .settings import Settings
from .surfaces import NORMAL, POSITION, Surface, make_attributes, make_surface

ENDINGS = ('.obj', '.glb', '.gltf', '.ply')
TOP_SHARE = {'face': 0.13, 'upper_body': 0.52, 'full_body': 1.0}
"""Share of the height, from the top, that a view shows."""

_CREASE = np.cos(np.radians(50))
_HALF_CREASE = np.cos(np.radians(25))
_UNITS = {1.0: (0.4, 4.0), 0.01: (40.0, 400.0), 0.001: (400.0, 4000.0)}
_UP = {
    'x': np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float),
    # y up and z towards the viewer, as in glTF.
    'y': np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float),
    'z': np.eye(3),
}
_LARGEST_TEXTURE = 4096


@dataclass(frozen=True)
class Scan:
    """A textured mesh, in meters, z up, standing on the floor.

    Args:
        surface (Surface): Its triangles.
        texture (NDArray | None): uint8 (h, w, 3), None for colored vertices.
        name (str): Of the file.
    """

    surface: Surface
    texture: NDArray | None
    name: str


def list_scans(folder: Path | None) -> list[Path]:
    """Scan files of a folder and its sub-folders, sorted.

    Raises:
        FileNotFoundError: If a folder is given and has none.
    """
    if folder is None:
        return []
    found = sorted(p for p in folder.rglob('*') if p.suffix.lower() in ENDINGS)
    if not found:
        raise FileNotFoundError(f'there are no {ENDINGS} files in {folder}')
    return found


def find_up(extent: NDArray, ending: str) -> str:
    """Upward axis of a scan: y in glTF, else the longer of y and z."""
    if ending in ('.glb', '.gltf'):
        return 'y'
    return 'z' if extent[2] > 1.1 * extent[1] else 'y'


def find_unit(height: float, path: Path) -> float:
    """Metres in a unit, from the height of a person.

    Raises:
        ValueError: If no usual unit gives a person.
    """
    for meters, (low, high) in _UNITS.items():
        if low <= height < high:
            return meters
    raise ValueError(
        f'the unit of {path} is not clear: it is {height:g} high; give `unit`, the meters in a unit'
    )


@lru_cache(maxsize=2)
def load_scan(path: Path, up: str = 'auto', meters: float | None = None) -> Scan:
    """Read a scan.

    Args:
        path (Path): OBJ, GLB, glTF or PLY, with a texture or with colored vertices.
        up (str): Upward axis 'x', 'y', 'z' or 'auto'. Defaults to 'auto'.
        meters (float, optional): Metres in a unit. Defaults to None, guessed from the height.

    Raises:
        ValueError: If the file has no triangles, or its unit is not clear.
    """
    import trimesh

    mesh = trimesh.load(str(path), process=False)
    if isinstance(mesh, trimesh.Scene):
        mesh = mesh.to_geometry()
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        raise ValueError(f'{path} has no triangles')
    points = np.asarray(mesh.vertices, float)
    faces = np.asarray(mesh.faces)
    if up == 'auto':
        up = find_up(np.ptp(points, axis=0), path.suffix.lower())
    points = points @ _UP[up].T
    if meters is None:
        meters = find_unit(float(np.ptp(points[:, 2])), path)
    points = points * meters
    low, high = points.min(0), points.max(0)
    points = points - [*((low + high) / 2)[:2], low[2]]
    uv, colors, texture = _colors_of(mesh)
    place = _weld(points)
    # Rows of `smooth` are places; those of the vertices follow.
    representative = np.zeros((place.max() + 1, 3))
    representative[place] = points
    smooth = vertex_normals(representative, place[faces])
    attributes = make_attributes(points, smooth[place], colors, uv=uv)
    attributes, faces = _split_creases(attributes, faces, place)
    return Scan(make_surface(attributes, faces, 'scan'), texture, path.stem)


def _colors_of(mesh: Any) -> tuple[NDArray, NDArray, NDArray | None]:
    count = len(mesh.vertices)
    uv, colors = np.zeros((count, 2)), np.full((count, 3), 0.6)
    visual = mesh.visual
    found = getattr(visual, 'uv', None)
    if found is not None:
        material = visual.material
        image = getattr(material, 'image', None)
        if image is None:
            image = getattr(material, 'baseColorTexture', None)
        if image is not None:
            image = image.convert('RGB')
            image.thumbnail((_LARGEST_TEXTURE, _LARGEST_TEXTURE))
            return np.asarray(found), colors, np.asarray(image)
    elif visual.kind in ('vertex', 'face'):
        colors = np.asarray(visual.vertex_colors)[:, :3] / 255
    return uv, colors, None


def _weld(points: NDArray) -> NDArray:
    """Number of the place of each vertex; seams of the texture split some."""
    _, place = np.unique(np.round(points, 6), axis=0, return_inverse=True)
    return place.reshape(-1)


def _split_creases(attributes: NDArray, faces: NDArray, place: NDArray) -> tuple[NDArray, NDArray]:
    """Sharp edges: a corner's normal is the mean over its side of the edge.

    Args:
        attributes (NDArray): (V, 15), normals already smooth.
        faces (NDArray): Triangles (F, 3).
        place (NDArray): What :func:`_weld` gives, (V,).

    Returns:
        tuple: Attributes with further vertices at creases, and triangles.
    """
    a, b, c = (attributes[faces[:, k], POSITION] for k in range(3))
    areas = np.cross(b - a, c - a)
    flat = unit(areas)
    bends = np.einsum('fkc,fc->fk', attributes[faces][:, :, NORMAL], flat)
    sharp = np.zeros(place.max() + 1, bool)
    sharp[place[faces[bends < _HALF_CREASE]]] = True
    face, corner = np.nonzero(sharp[place[faces]])
    if not len(face):
        return attributes, faces
    order = np.argsort(place[faces[face, corner]], kind='stable')
    face, corner = face[order], corner[order]
    where = place[faces[face, corner]]
    _, start, count = np.unique(where, return_index=True, return_counts=True)
    # All pairs of corners at one place.
    own_start: NDArray = np.repeat(start, count)
    own_count: NDArray = np.repeat(count, count)
    first: NDArray = np.repeat(np.arange(len(face)), own_count)
    rank = np.arange(len(first)) - np.repeat(np.cumsum(own_count) - own_count, own_count)
    second = np.repeat(own_start, own_count) + rank
    same_side = (flat[face[first]] * flat[face[second]]).sum(1) > _CREASE
    first, second = first[same_side], second[same_side]
    normals = np.stack(
        [np.bincount(first, areas[face[second], k], minlength=len(face)) for k in range(3)], 1
    )
    extra = attributes[faces[face, corner]].copy()
    extra[:, NORMAL] = unit(normals)
    faces = faces.copy()
    faces[face, corner] = len(attributes) + np.arange(len(extra))
    return np.concatenate([attributes, extra]), faces


def render_scan(
    settings: Settings,
    paths: tuple[Path, ...],
    index: int,
    up: str = 'auto',
    meters: float | None = None,
) -> Sample:
    """Image number ``index`` of a set of scans.

    Args:
        settings (Settings): Size, seed, views, backgrounds.
        paths (tuple[Path, ...]): The scans.
        index (int): Number of the image.
        up (str): Upward axis of the scans. Defaults to 'auto'.
        meters (float, optional): Metres in a unit of them. Defaults to None.
    """
    watch = Stopwatch()
    rng = np.random.default_rng([settings.seed, index])
    path = paths[index % len(paths)]
    view = settings.views[index // len(paths) % len(settings.views)]
    with watch.stage('scan'):
        scan = load_scan(path, up, meters)
    points = scan.surface.positions
    top = points[:, 2].max()
    points = points[points[:, 2] >= top * (1 - TOP_SHARE[view])]
    aim = sample_aim(view, 0.0, rng, settings.yaw)
    camera = fit_camera(aim, points, settings.size_hw, rng.uniform(-0.05, 0.05, 2))
    with watch.stage('bvh'):
        renderer = Renderer(
            scan.surface,
            np.zeros(len(scan.surface.faces)),
            looks=np.zeros((1, LOOK_COLUMNS)),
            patterns=np.zeros((5, PATTERN_COLUMNS)),
            anatomy=NO_ANATOMY,
            texture=scan.texture,
            device=settings.device,
        )
    rgb, maps, facts = paint(renderer, camera, view, settings, rng, watch)
    mask = maps.instance == 1
    box, area = visible_box(mask)
    outline = trace_outline(mask)
    person = PersonLabels(f'scan-{scan.name}', None, box, area, outline)
    return Sample(rgb, maps, [person], camera, view, watch.seconds, facts)
