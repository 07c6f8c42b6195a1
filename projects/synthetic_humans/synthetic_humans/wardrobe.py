"""Clothes and skin of a person as surfaces.

Garments are cut from a suit that follows the body at a few millimetres: a field that is positive
inside the garment says where, an offset along the normals how far from the skin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .geometry import clip_mesh, noise, phong_midpoints, smoothstep, vertex_normals
from .labels import SKIN_REGIONS
from .looks import Look
from .people import Person
from .surfaces import REST, Surface, make_attributes, make_surface
from .template import Template

SKIN_UNDER_CLOTH = 0.015
"""Metres of skin that are kept under the edge of a garment."""

HIDDEN_MARGIN = 0.014
"""Metres of a lower garment that are kept under the hem of the upper one."""

Fields = Mapping[str, NDArray]


@dataclass(frozen=True)
class Cut:
    """Where garments are: positive inside, one value for each vertex."""

    upper: NDArray
    lower: NDArray
    sock: NDArray
    shoe: NDArray

    def covered(self) -> NDArray:
        """Metres, about, inside any garment."""
        return np.max([self.upper, self.lower, self.sock, self.shoe], 0)


def body_fields(template: Template) -> dict[str, NDArray]:
    """Static fields of the base mesh that garments are cut by."""
    return {
        'rest': template.body.rest,
        'arm': template.arm,
        'leg': template.leg,
        'arm_weight': template.arm_weight,
        'height': template.trunk_height,
    }


@cache
def suit_fields(template: Template) -> dict[str, NDArray]:
    """The same on the suit with midpoints."""
    refine = template.suit.refine
    return {k: refine(v) for k, v in body_fields(template).items()}


def _neckline(fields: Fields, look: Look, neck: float) -> NDArray:
    x, y, z = fields['rest'].T
    x = np.abs(x)
    front = np.clip(-y / 0.1, 0, 1) * np.clip(1 - x / 0.09, 0, 1)
    collar = neck - 0.055 - look.v_neck * front
    collar = collar - look.neckline * np.clip(1 - x / 0.17, 0, 1)
    return collar - z + 0.9 * np.clip(x - 0.06, 0, 0.2)


def cut_garments(template: Template, fields: Fields, look: Look) -> Cut:
    """Where the garments of a look are."""
    height, leg = fields['height'], fields['leg']
    arms = fields['arm_weight']
    nowhere = -np.ones(len(height))
    neckline = _neckline(fields, look, template.heights.neck)
    upper = np.minimum((look.sleeve - fields['arm']) * 0.25, height - look.hem)
    upper = np.minimum(upper, np.maximum(neckline, arms - 0.8))
    lower = np.minimum(look.waist - height, (look.leg - leg) * 0.45)
    lower = np.minimum(lower, 0.3 - arms)

    def from_foot(top: float | None) -> NDArray:
        if top is None:
            return nowhere
        return np.minimum((leg - top) * 0.45, 0.5 - arms)

    return Cut(upper, lower, from_foot(look.sock), from_foot(look.shoe))


def make_skin(template: Template, person: Person, look: Look) -> list[Surface]:
    """The skin that garments do not cover, region by region."""
    body, points = template.body, person.body.vertices
    cut = cut_garments(template, body_fields(template), look)
    covered = cut.covered()
    normals = vertex_normals(points, body.skin_faces)
    ids = body.unwrapped_vertices
    attributes = make_attributes(
        points[ids],
        normals[ids],
        body.rest[ids],
        uv=body.unwrapped_uv,
        arm=template.arm[ids],
        leg=template.leg[ids],
        jaw=template.jaw[ids],
        scalp=template.scalp[ids],
    )
    keep = (covered < 0.02)[body.skin_faces].any(1)
    field = SKIN_UNDER_CLOTH - covered[ids]
    out = []
    for region, name in enumerate(SKIN_REGIONS):
        faces = body.unwrapped_faces[keep & (body.skin_regions == region)]
        values = attributes
        if len(faces) and (name == 'body' or name.startswith('foot')):
            values, faces = clip_mesh(attributes, faces, field)
        if len(faces):
            out.append(make_surface(values, faces, 'skin', region))
    return out


def _folds(rest: NDArray, depth: float, seed: int) -> NDArray | float:
    if depth <= 0:
        return 0.0
    # Long along the limbs, short around them, and finer creases on top.
    wide = noise(rest, [9, 9, 3.2], seed)
    fine = noise(rest, [24, 24, 15], seed + 5)
    ridge = 1 - np.abs(noise(rest, [14, 14, 6], seed + 9))
    return depth * np.clip(0.3 + 0.45 * wide + 0.2 * fine + 0.3 * ridge, -0.2, 1.6)


@dataclass(frozen=True)
class Tailor:
    """Makes garments for one person."""

    template: Template
    person: Person
    look: Look

    def shape(self, smooth: int = 0) -> NDArray:
        """Vertices and midpoints (N, 3) of the suit on the body.

        Args:
            smooth (int): Rounds of smoothing; hollows are bridged, but the cloth stays outside of
                the body. Defaults to 0.
        """
        suit = self.template.suit
        skin = self.person.body.vertices[suit.vertices]
        points = skin
        normals = suit.normals(skin)
        for _ in range(smooth):
            points = 0.5 * points + 0.5 * (suit.smooth @ points)
        if smooth:
            under = ((skin - points) * normals).sum(1, keepdims=True)
            points = points + 0.9 * normals * np.maximum(under, 0)
            normals = suit.normals(points)
        midpoints = phong_midpoints(points, normals, suit.edges)
        return np.concatenate([points, midpoints])

    def from_suit(
        self,
        material: str,
        field: NDArray,
        offset: NDArray | float,
        *,
        shape: NDArray | None = None,
        folds: float = 0.0,
        seed: int = 0,
    ) -> list[Surface]:
        """Cut a garment from the suit.

        Args:
            material (str): What it is made of.
            field (NDArray): Positive inside, on the refined suit.
            offset (NDArray | float): Metres off the suit.
            shape (NDArray, optional): Of the refined suit, from :meth:`shape`. Defaults to None,
                close to the body.
            folds (float): Depth of folds. Defaults to 0.0.
            seed (int): Of the folds. Defaults to 0.
        """
        if not (field > 0).any():
            return []
        suit, scale = self.template.suit, self.person.scale
        points = self.shape() if shape is None else shape
        normals = suit.normals(points)
        distance = np.asarray(offset) + _folds(suit.rest, folds, seed)
        distance = np.broadcast_to(distance * scale, len(points))
        points = points + normals * distance[:, None]
        fields = suit_fields(self.template)
        attributes = make_attributes(
            points, suit.normals(points), suit.rest, arm=fields['arm'], leg=fields['leg']
        )
        attributes, faces = clip_mesh(attributes, suit.fine_faces, field)
        if not len(faces):
            return []
        left = attributes[:, REST][faces][:, :, 0].mean(1) > 0
        return [make_surface(attributes, faces, material, left)]

    def skirt(self) -> list[Surface]:
        """A skirt, or the lower part of a dress."""
        template, look, scale = self.template, self.look, self.person.scale
        sheet, heights = template.skirt, template.heights
        assert look.skirt is not None
        points = self.person.body.vertices[sheet.vertices]
        normals = sheet.normals(points)
        points = np.concatenate([points, phong_midpoints(points, normals, sheet.edges)])
        normals = sheet.normals(points)
        rest = sheet.rest
        around = np.arctan2(rest[:, 0], -rest[:, 1])
        down = np.clip((heights.hip - rest[:, 2]) / 0.5, 0, 1)
        wave = 0.012 * np.sin(around * 11 + look.seed)
        wave = wave + 0.006 * noise(rest, [12, 12, 3], look.seed)
        distance = (0.008 + down * wave) * scale
        points = points + normals * distance[:, None]
        leg = template.leg_coordinate(rest[:, 2])
        # Above the hem the shirt hides it, and it must not show through.
        field = np.minimum(look.skirt - leg, look.hem + HIDDEN_MARGIN - rest[:, 2])
        attributes = make_attributes(points, sheet.normals(points), rest, leg=leg)
        attributes, faces = clip_mesh(attributes, sheet.fine_faces, field)
        return [make_surface(attributes, faces, 'lower')]

    def clothes(self) -> list[Surface]:
        """Every garment, innermost first."""
        template, look = self.template, self.look
        fields = suit_fields(template)
        cut = cut_garments(template, fields, look)
        upper, lower = cut.upper, cut.lower
        for _ in range(4):
            upper = 0.5 * upper + 0.5 * (template.suit.fine_smooth @ upper)
            lower = 0.5 * lower + 0.5 * (template.suit.fine_smooth @ lower)
        sock = np.minimum(cut.sock, 0.03 - lower)
        if look.shoe is not None:
            sock = np.minimum(sock, 0.03 - cut.shoe)
        loose = self.shape(8)
        out = []
        # The hidden part is left out: two layers of cloth at nearly the same depth would show
        # through each other.
        out += self.from_suit(
            'lower',
            np.minimum(lower, HIDDEN_MARGIN - upper),
            look.lower_offset + 0.002,
            shape=loose,
            folds=look.lower_folds,
            seed=look.seed + 1,
        )
        hem = smoothstep(0.06, 0, fields['height'] - look.hem)
        offset = max(look.upper_offset, look.lower_offset + 0.006)
        out += self.from_suit(
            'upper',
            upper,
            offset + 0.004 * hem,
            shape=loose,
            folds=look.upper_folds,
            seed=look.seed + 2,
        )
        out += self.from_suit('sock', sock, 0.0025)
        if look.shoe is not None:
            z, y = fields['rest'][:, 2], fields['rest'][:, 1]
            floor = template.heights.floor
            thick = 0.006 + 0.006 * smoothstep(floor + 0.05, floor, z)
            thick = thick + 0.004 * smoothstep(-0.1, -0.2, y)
            out += self.from_suit('shoe', cut.shoe, thick, shape=self.shape(3))
        if look.skirt is not None:
            out += self.skirt()
        if look.belt:
            band = np.minimum(
                fields['height'] - (look.waist - 0.045), look.waist - 0.01 - fields['height']
            )
            band = np.minimum(band, 0.2 - fields['arm_weight'])
            out += self.from_suit('apparel', band, offset + 0.009, shape=loose)
        return out
