"""Everything that is drawn of one person, joined into one surface."""

from __future__ import annotations

import numpy as np

from .accessories import make_accessories, make_face_parts
from .hair import make_hair
from .looks import Look
from .people import Person
from .surfaces import Surface, join, make_attributes, make_surface
from .template import Template
from .wardrobe import Tailor, make_skin


def dress(template: Template, person: Person, look: Look) -> Surface:
    """Skin, face, clothes, hair and accessories of a person."""
    return join(
        [
            *make_skin(template, person, look),
            *make_face_parts(template, person),
            *Tailor(template, person, look).clothes(),
            *make_hair(template, person, look),
            *make_accessories(template, person, look),
        ]
    )


def make_seat(person: Person) -> Surface:
    """A box under a seated person; part of the background."""
    body = person.body
    hips = (body.joint('upperleg01.L') + body.joint('upperleg01.R')) / 2
    knees = (body.joint('lowerleg01.L') + body.joint('lowerleg01.R')) / 2
    ahead = (knees - hips) * [1, 1, 0]
    ahead = ahead / np.linalg.norm(ahead)
    side = np.array([-ahead[1], ahead[0], 0])
    up = np.array([0, 0, 1.0])
    top = hips[2] - 0.115 * person.scale
    center = hips * [1, 1, 0] + 0.08 * ahead
    corners = np.array([[x, y, z] for z in (0, 1) for y in (-1, 1) for x in (-1, 1)], float)
    points = (
        center
        + 0.24 * corners[:, :1] * ahead
        + 0.26 * corners[:, 1:2] * side
        + top * corners[:, 2:] * up
    )
    quads = [
        [0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4],
        [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6],
    ]  # fmt: skip
    vertices, faces, normals = [], [], []
    for k, quad in enumerate(quads):
        vertices.append(points[quad])
        a, b, c = points[quad[:3]]
        normal = np.cross(b - a, c - a)
        normals.append(np.tile(normal / np.linalg.norm(normal), (4, 1)))
        faces += [[4 * k, 4 * k + 1, 4 * k + 2], [4 * k, 4 * k + 2, 4 * k + 3]]
    place = np.concatenate(vertices)
    attributes = make_attributes(place, np.concatenate(normals), place)
    return make_surface(attributes, np.array(faces), 'prop')
