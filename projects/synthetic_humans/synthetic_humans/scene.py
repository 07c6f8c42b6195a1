"""People in one image: who, where, and from where they are seen."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .bodies import load_body_model
from .cameras import Aim, Camera, fit_camera, sample_aim
from .dressing import dress, make_seat
from .looks import Look
from .people import Person, facing, placed, sample_person
from .settings import Settings
from .surfaces import Surface, join
from .template import load_template


def _view_points(person: Person, view: str) -> NDArray:
    """What a camera has to show of a person."""
    model, body = load_body_model(), person.body
    points = body.vertices[model.skin_vertices]
    if view == 'face':
        head = load_template().head_weight[model.skin_vertices] > 0.6
        return points[head]
    if view == 'upper_body':
        return points[points[:, 2] > body.joint('pelvis.L')[2] - 0.02]
    return points


def _are_apart(people: list[Person], person: Person) -> bool:
    skin = load_body_model().skin_vertices[::9]
    points = person.body.vertices[skin]
    for other in people:
        tree = cKDTree(other.body.vertices[skin])
        if tree.query(points)[0].min() < 0.07:
            return False
    return True


def _place_others(
    first: Person, others: list[Person], aim: Aim, view: str, rng: Generator
) -> list[Person]:
    """Put people beside and behind the first, and sometimes before."""
    flat = np.array([*aim.backward[:2]])
    flat = flat / max(np.linalg.norm(flat), 1e-6)
    right = np.array([-flat[1], flat[0]])
    people = [first]
    for other in others:
        turn = float(rng.normal(0, 50))
        for attempt in range(30):
            reach = 1 + 0.08 * attempt
            side = rng.choice([-1, 1]) * rng.uniform(0.15, 0.95) * reach
            low = 0.25 if view == 'face' else -0.45
            ahead = rng.uniform(low, 1.3) * reach
            moved = placed(other, turn, side * right - ahead * flat)
            if _are_apart(people, moved):
                people.append(moved)
                break
    return people


def sample_people(settings: Settings, view: str, rng: Generator) -> tuple[list[Person], Aim]:
    """People in their places, and the direction from which they are seen."""
    count = int(rng.integers(settings.people[0], settings.people[1] + 1))
    first = sample_person(rng)
    aim = sample_aim(view, facing(first), rng, settings.yaw)
    others = [sample_person(rng) for _ in range(count - 1)]
    return _place_others(first, others, aim, view, rng), aim


def assemble(people: list[Person], looks: list[Look]) -> tuple[Surface, NDArray]:
    """All triangles of a scene, and the person each belongs to."""
    template = load_template()
    surfaces, owners = [], []
    for row, (person, look) in enumerate(zip(people, looks)):
        parts = [dress(template, person, look)]
        if person.pose == 'sit':
            parts.append(make_seat(person))
        for part in parts:
            surfaces.append(part)
            owners.append(np.full(len(part.faces), row))
    return join(surfaces), np.concatenate(owners)


def fit_people(
    people: list[Person], aim: Aim, view: str, size_hw: tuple[int, int], rng: Generator
) -> tuple[list[Person], Camera]:
    """The camera; people who stand in its way are left out."""
    points = _view_points(people[0], view)
    if view == 'full_body' and len(people) > 1 and rng.random() < 0.6:
        points = np.concatenate([_view_points(p, view) for p in people])
    camera = fit_camera(aim, points, size_hw, rng.uniform(-0.05, 0.05, 2))
    kept = people[:1]
    for person in people[1:]:
        vertices = person.body.vertices[load_body_model().skin_vertices]
        _, depth = camera.project(vertices)
        distance = np.linalg.norm(vertices - camera.center, axis=1)
        if distance.min() > 0.5 and depth.max() > 0.5:
            kept.append(person)
    return kept, camera
