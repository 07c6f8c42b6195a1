"""Hair: a displaced shell of the scalp, long strands, a bun."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from .geometry import (
    clip_mesh,
    compact,
    mean_of_neighbors,
    noise,
    phong_midpoints,
    smoothstep,
    sphere_directions,
    subdivide,
    unit,
    vertex_normals,
    with_midpoints,
)
from .looks import Look
from .people import Person
from .surfaces import Surface, make_attributes, make_surface
from .template import Template

THICKNESS = {
    'buzz': 0.004,
    'short': 0.015,
    'medium': 0.021,
    'long': 0.017,
    'afro': 0.06,
    'bun': 0.011,
}
"""Style -> meters of hair above the scalp."""

_CELLS: dict[str, tuple[float, float, float]] = {
    'afro': (60, 60, 60),
    'short': (55, 55, 38),
    'buzz': (60, 60, 60),
}


def make_hair(template: Template, person: Person, look: Look) -> list[Surface]:
    """The hair of a look; nothing for a bald one."""
    if look.hair == 'bald':
        return []
    out = [_shell(template, person, look)]
    if look.hair in ('medium', 'long'):
        out.append(_strands(template, person, look))
    if look.hair == 'bun':
        out.append(_bun(template, person, look))
    return [surface for surface in out if len(surface.faces)]


def _shell(template: Template, person: Person, look: Look) -> Surface:
    style, seed, scale = look.hair, look.seed, person.scale
    faces = template.body.skin_faces
    faces = faces[(template.scalp > -0.02)[faces].all(1)]
    ids, faces = compact(faces, len(template.scalp))
    points, rest = person.body.vertices[ids], template.body.rest[ids]
    scalp = template.scalp[ids]
    for _ in range(1 if style == 'buzz' else 2):
        normals = vertex_normals(points, faces)
        edges, fine = subdivide(faces, len(points))
        points = np.concatenate([points, phong_midpoints(points, normals, edges)])
        rest = with_midpoints(rest, edges)
        scalp = with_midpoints(scalp, edges)
        faces = fine
    normals = vertex_normals(points, faces)
    if style != 'buzz':
        smooth = mean_of_neighbors(faces, len(points))
        for _ in range(4):
            normals = smooth @ normals
        normals = unit(normals)
    if style in _CELLS:
        waves = noise(rest, _CELLS[style], seed + 3)
    else:
        waves = _combed(template, rest, seed)
    edge = scalp + 0.008 * noise(rest, [110, 110, 20], seed + 4)
    # Above the forehead hair lies back; it stands out most at the crown.
    height = THICKNESS[style] * smoothstep(-0.004, 0.035, edge)
    height = height * np.clip(1 + 0.3 * waves, 0.45, 1.8) * scale + 0.0012
    if look.cap:
        pressed = rest[:, 2] > template.eye[2] + 0.03
        height = np.where(pressed, np.minimum(height, 0.01 * scale), height)
    points = points + normals * height[:, None]
    attributes = make_attributes(points, vertex_normals(points, faces), rest)
    attributes, faces = clip_mesh(attributes, faces, edge)
    return make_surface(attributes, faces, 'hair')


def _combed(template: Template, rest: NDArray, seed: int) -> NDArray:
    # Strands run from the parting down: fast around the head, slow along.
    x, y, z = (rest - template.head_center).T
    azimuth = np.arctan2(x, -y)
    along = np.stack([azimuth * 0.16, 0.25 * z, 0.1 * y], 1)
    return noise(along, 90, seed + 3) + 0.5 * noise(along, 210, seed + 6)


def _strands(template: Template, person: Person, look: Look) -> Surface:
    sheet, seed, scale = template.strands, look.seed, person.scale
    points = person.body.vertices[sheet.vertices]
    normals = vertex_normals(points, sheet.faces)
    points = np.concatenate([points, phong_midpoints(points, normals, sheet.edges, 0.5)])
    rest, faces = sheet.rest, sheet.fine_faces
    normals = vertex_normals(points, faces)
    edges, fine = subdivide(faces, len(points))
    points = np.concatenate([points, phong_midpoints(points, normals, edges, 0.5)])
    rest, faces = with_midpoints(rest, edges), fine
    normals = vertex_normals(points, faces)
    center = template.head_center
    azimuth = np.degrees(np.abs(np.arctan2(rest[:, 0] - center[0], center[1] - rest[:, 1])))
    length = 0.14 if look.hair == 'medium' else 0.31
    ends = 0.022 * noise(rest, [70, 70, 1], seed)
    field = rest[:, 2] - (template.eye[2] - length) + ends
    field = np.minimum(field, (azimuth - 72) / 400)
    waves = 0.004 * noise(rest, [130, 130, 9], seed + 9)
    points = points + normals * ((waves + 0.002) * scale)[:, None]
    attributes = make_attributes(points, vertex_normals(points, faces), rest)
    attributes, faces = clip_mesh(attributes, faces, field)
    return make_surface(attributes, faces, 'hair')


def _bun(template: Template, person: Person, look: Look) -> Surface:
    body, scale = person.body, person.scale
    faces = template.body.skin_faces
    ids = np.unique(faces[(template.scalp > -0.02)[faces].all(1)])
    rest = template.body.rest[ids]
    top = body.vertices[ids][np.argmax(rest[:, 1] + 0.6 * rest[:, 2])]
    center = top + 0.03 * scale * unit(top - body.joint('head'))
    ball = sphere_directions(600)
    faces = ConvexHull(ball).simplices
    a, b, c = (ball[faces[:, k]] for k in range(3))
    inwards = (np.cross(b - a, c - a) * a).sum(1) < 0
    faces[inwards] = faces[inwards][:, ::-1]
    bumps = 1 + 0.05 * noise(ball, [5, 5, 14], look.seed)
    points = center + 0.042 * scale * ball * bumps[:, None]
    rest = 0.05 * ball + template.head_center + [0, 0.1, 0.1]
    attributes = make_attributes(points, vertex_normals(points, faces), rest)
    return make_surface(attributes, faces, 'hair')
