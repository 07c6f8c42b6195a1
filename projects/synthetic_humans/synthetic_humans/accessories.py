"""Cap, scarf and glasses, and the parts of the face that are not skin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import clip_mesh, compact, noise, subdivide, unit, vertex_normals, with_midpoints
from .looks import Look
from .people import Person
from .surfaces import Surface, make_attributes, make_surface
from .template import Template

_PARTS = {
    'helper-l-eye': 'eye',
    'helper-r-eye': 'eye',
    'helper-upper-teeth': 'upper_teeth',
    'helper-lower-teeth': 'lower_teeth',
    'helper-tongue': 'tongue',
}
_TUBE_SIDES = 6


def make_face_parts(template: Template, person: Person) -> list[Surface]:
    """Eyes, teeth, tongue and lashes."""
    body, points = template.body, person.body.vertices
    out = []
    for group, material in _PARTS.items():
        ids, faces = compact(body.triangles_of(group), len(points))
        part = points[ids]
        attributes = make_attributes(part, vertex_normals(part, faces), body.rest[ids])
        out.append(make_surface(attributes, faces, material))
    for side in 'lr':
        out.append(_lashes(template, points, side))
    return [surface for surface in out if len(surface.faces)]


def _lashes(template: Template, points: NDArray, side: str) -> Surface:
    body = template.body
    faces = body.triangles_of(f'helper-{side}-eyelashes-1')
    ids, faces = compact(faces, len(points))
    part, rest = points[ids], body.rest[ids]
    for _ in range(2):
        edges, fine = subdivide(faces, len(part))
        part, rest = with_midpoints(part, edges), with_midpoints(rest, edges)
        faces = fine
    # The mesh is a solid ribbon: comb it.
    eye = template.eye * [1 if side == 'l' else -1, 1, 1]
    outwards = rest - eye
    radius = np.linalg.norm(outwards, axis=1)
    comb = np.sin(np.arctan2(outwards[:, 2], outwards[:, 0]) * 70)
    root = np.percentile(radius, 30)
    field = 0.0015 - 0.5 * (radius - root) + 0.0012 * comb
    attributes = make_attributes(part, vertex_normals(part, faces), rest)
    attributes, faces = clip_mesh(attributes, faces, field)
    return make_surface(attributes, faces, 'lash')


def make_accessories(template: Template, person: Person, look: Look) -> list[Surface]:
    """Cap, scarf and glasses of a look."""
    out: list[Surface] = []
    if look.cap:
        out.append(_cap(template, person, look))
    if look.scarf:
        out.append(_scarf(template, person, look))
    if look.glasses:
        out += Glasses(template, person, look).surfaces()
    return [surface for surface in out if len(surface.faces)]


def _skin_shell(
    template: Template, person: Person, field: NDArray, offset: NDArray | float, margin: float
) -> Surface:
    """The skin where a field is positive, pushed outwards."""
    faces = template.body.skin_faces
    faces = faces[(field > -margin)[faces].all(1)]
    ids, faces = compact(faces, len(field))
    points, rest = person.body.vertices[ids], template.body.rest[ids]
    inside = field[ids]
    offset = np.broadcast_to(offset, field.shape)[ids]
    edges, fine = subdivide(faces, len(points))
    points, rest = with_midpoints(points, edges), with_midpoints(rest, edges)
    inside, offset = (with_midpoints(inside, edges), with_midpoints(offset, edges))
    points = points + vertex_normals(points, fine) * offset[:, None]
    attributes = make_attributes(points, vertex_normals(points, fine), rest)
    attributes, fine = clip_mesh(attributes, fine, inside)
    return make_surface(attributes, fine, 'apparel')


def _cap(template: Template, person: Person, look: Look) -> Surface:
    height = template.body.rest[:, 2] - (template.eye[2] + 0.045)
    field = np.where(template.scalp > -0.03, height, -1.0)
    hair = 0 if look.hair in ('bald', 'buzz') else 0.004
    return _skin_shell(template, person, field, (0.013 + hair) * person.scale, 0.02)


def _scarf(template: Template, person: Person, look: Look) -> Surface:
    rest, neck = template.body.rest, template.heights.neck
    field = np.minimum(rest[:, 2] - neck + 0.03, neck + 0.06 - rest[:, 2])
    near = (np.abs(rest[:, 0]) < 0.16) & (template.arm_weight < 0.01)
    folds = noise(rest, [14, 14, 60], look.seed)
    offset = (0.024 + 0.007 * folds) * person.scale
    return _skin_shell(template, person, np.where(near, field, -1.0), offset, 0.03)


@dataclass(frozen=True)
class Glasses:
    """Frames of glasses, bent from tubes around the eyeballs."""

    template: Template
    person: Person
    look: Look

    def surfaces(self) -> list[Surface]:
        """Rims, bridge and temples."""
        forward = self.person.head_forward
        radius = 0.0016 * self.person.scale
        out = []
        for path, closed in self._paths():
            points, faces = bend_tube(path, radius, forward, closed)
            rest = np.tile(self.template.head_center, (len(points), 1))
            attributes = make_attributes(points, vertex_normals(points, faces), rest)
            out.append(make_surface(attributes, faces, 'apparel'))
        return out

    def _paths(self) -> Iterator[tuple[NDArray, bool]]:
        body, scale = self.person.body.vertices, self.person.scale
        left, right = (
            body[self.template.body.vertices_of(f'helper-{side}-eye')].mean(0) for side in 'lr'
        )
        across = unit(left - right)
        up = unit(np.cross(across, self.person.head_forward))
        if up @ self.person.head_rotation[:, 2] < 0:
            up = -up
        front = unit(np.cross(up, across))
        if front @ self.person.head_forward < 0:
            front = -front
        width = np.linalg.norm(left - right)
        ahead = 0.026 * scale * front
        power = 2.2 + self.look.seed % 3
        turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        cos, sin = np.cos(turn), np.sin(turn)
        rim = (np.abs(cos) ** power + np.abs(sin) ** power) ** (-1 / power)
        for eye in (left, right):
            center = eye + ahead - 0.003 * scale * up
            x = (0.37 * width * rim * cos)[:, None] * across
            y = (0.29 * width * rim * sin)[:, None] * up
            yield center + x + y, True
        side = 0.37 * width * across
        yield np.linspace(left + ahead - side, right + ahead + side, 5), False
        for eye, sign in ((left, 1), (right, -1)):
            start = eye + 0.024 * scale * front + sign * side
            end = eye + sign * 0.62 * width * across - 0.085 * scale * front
            yield (np.linspace(start + 0.004 * scale * up, end + 0.002 * scale * up, 8), False)


def bend_tube(
    path: NDArray, radius: float, normal: NDArray, closed: bool
) -> tuple[NDArray, NDArray]:
    """A tube around a path.

    Args:
        path (NDArray): Points (N, 3).
        radius (float): Of the tube.
        normal (NDArray): A direction (3,) across the path.
        closed (bool): Whether the path is a ring.

    Returns:
        tuple: Vertices (6N, 3) and triangles.
    """
    count, sides = len(path), _TUBE_SIDES
    along = unit(np.roll(path, -1, 0) - path) if closed else unit(np.gradient(path, axis=0))
    a = unit(np.cross(along, normal + 0.01))
    b = np.cross(along, a)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = a[:, None] * np.cos(turn)[None, :, None] + b[:, None] * np.sin(turn)[None, :, None]
    points = (path[:, None] + radius * ring).reshape(-1, 3)
    i = np.arange(count if closed else count - 1)
    after: NDArray = (i + 1) % count
    faces = []
    for j in range(sides):
        k = (j + 1) % sides
        corners: list[NDArray] = [
            ring_of * sides + side for ring_of in (i, after) for side in (j, k)
        ]
        p, q, r, s = corners
        faces += [np.stack([p, r, q], 1), np.stack([q, r, s], 1)]
    return points, np.concatenate(faces)
