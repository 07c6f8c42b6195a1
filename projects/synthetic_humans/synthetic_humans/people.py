"""One person's body: shape, pose, face, and the rejection of bad poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from .bodies import Posed, load_body_model
from .geometry import rotation, unit
from .poses import sample_expression, sample_pose

ADULT_YEARS = (18.0, 80.0)
MAX_TRIES = 12
MAX_CROSSING_FACES = 160
"""Pairs of skin triangles that may cross: skin that merely touches, as at the groin and the arm
pits, gives up to about 100."""

_HEIGHT_OF_TRUNK = 0.66


@dataclass(frozen=True)
class Person:
    """A posed body that stands on the floor at the origin.

    Args:
        body (Posed): Vertices and bones in meters.
        phenotype (dict[str, float]): Shape parameters.
        years (float): Age.
        pose (str): Kind of the pose.
        face (dict[str, float]): Facial actions.
        tries (int): Poses drawn until one was accepted.
        crossings (int): Crossing triangles of the accepted one.
    """

    body: Posed
    phenotype: dict[str, float]
    years: float
    pose: str
    face: dict[str, float]
    tries: int
    crossings: int

    @property
    def is_female(self) -> bool:
        """Whether the shape is rather that of a woman."""
        return self.phenotype['gender'] > 0.5

    @property
    def scale(self) -> float:
        """Size of the trunk relative to the neutral adult."""
        trunk = self.body.joint('head') - self.body.joint('pelvis.L')
        return float(np.linalg.norm(trunk)) / _HEIGHT_OF_TRUNK

    @property
    def head_rotation(self) -> NDArray:
        """Rotation (3, 3) of the head from the rest pose."""
        rest = load_body_model().rest_bones['head'][:3, :3]
        return self.body.bones['head'][:3, :3] @ rest.T

    @property
    def head_forward(self) -> NDArray:
        """Where the face points, (3,)."""
        return self.head_rotation @ np.array([0, -1, 0])

    def faces_away_from(self, point: NDArray) -> bool:
        """Whether the face is turned away from a point (3,)."""
        return float((point - self.body.joint('head')) @ self.head_forward) < 0


@cache
def _collision_test() -> Any:
    from anny.utils.collision import SelfInterpenetrationModule

    return SelfInterpenetrationModule(load_body_model().model)


def count_crossings(vertices: NDArray) -> int:
    """Number of skin triangles that cross another part of the body."""
    points = torch.as_tensor(vertices, dtype=torch.float32)
    found = _collision_test().detect_self_intersections(points)
    return int((torch.as_tensor(found) >= 0).sum())


def _distance_to_segment(p: NDArray, a: NDArray, b: NDArray) -> float:
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return float(np.linalg.norm(p - (a + t * (b - a))))


def has_gross_collision(body: Posed, scale: float) -> bool:
    """Whether a hand, forearm or foot is inside another part.

    Joints and segments only; cheap, and run before the exact test.
    """
    joint, far = body.joint, _distance_to_segment
    trunk = (joint('pelvis.L') + joint('pelvis.R')) / 2, joint('neck01')
    head = joint('head') + [0, 0, 0.05 * scale]
    for side, other in ('LR', 'RL'):
        wrist = joint(f'wrist.{side}')
        hand = wrist + 1.6 * (joint(f'finger3-1.{side}') - wrist)
        middle = (joint(f'lowerarm01.{side}') + wrist) / 2
        lower = joint(f'lowerarm01.{other}'), joint(f'wrist.{other}')
        for point in (wrist, hand, middle):
            if far(point, *trunk) < 0.12 * scale:
                return True
            if np.linalg.norm(point - head) < 0.13 * scale:
                return True
            if far(point, *lower) < 0.055 * scale:
                return True
            for leg in 'LR':
                thigh = joint(f'upperleg01.{leg}'), joint(f'lowerleg01.{leg}')
                if far(point, *thigh) < 0.085 * scale:
                    return True
        shin = joint(f'lowerleg01.{other}'), joint(f'foot.{other}')
        if far(joint(f'foot.{side}'), *shin) < 0.09 * scale:
            return True
    return False


@cache
def _shape_distribution() -> Any:
    from anny.shape_distribution import SimpleShapeDistribution

    low, high = (torch.tensor(age) for age in ADULT_YEARS)
    return SimpleShapeDistribution(
        load_body_model().model,
        morphological_age_distribution=torch.distributions.Uniform(low, high),
    )


def _sample_shape(rng: Generator) -> tuple[float, dict[str, float]]:
    shapes = _shape_distribution()
    # The distribution of anny draws from the global generator of torch.
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**31)))
        years, drawn = shapes.sample(1)
    phenotype = {name: float(value) for name, value in drawn.items()}
    female = rng.random() < 0.5
    phenotype.update(
        gender=float(rng.uniform(0.8, 1) if female else rng.uniform(0, 0.2)),
        weight=float(np.clip(phenotype['weight'], 0.15, 0.9)),
        cupsize=float(rng.uniform(0.3, 0.7)),
        firmness=0.6,
    )
    for name in ('african', 'asian', 'caucasian'):
        phenotype[name] = phenotype[name] ** 2 + 0.01
    return float(torch.as_tensor(years).reshape(-1)[0]), phenotype


def sample_person(rng: Generator, pose: str | None = None) -> Person:
    """An adult in a plausible pose.

    Args:
        rng (Generator): Source of all randomness.
        pose (str, optional): Kind of pose. Defaults to None, any.
    """
    model = load_body_model()
    years, phenotype = _sample_shape(rng)
    face = sample_expression(rng)
    best: tuple[int, str, Posed] | None = None
    tries = 0
    while tries < MAX_TRIES:
        tries += 1
        kind, rotations = sample_pose(model.rest_joints, rng, pose)
        body = model.pose(rotations, phenotype, face)
        trunk = body.joint('head') - body.joint('pelvis.L')
        scale = float(np.linalg.norm(trunk)) / _HEIGHT_OF_TRUNK
        touches_itself = kind in ('hips', 'fold')
        if not touches_itself and has_gross_collision(body, scale):
            continue
        crossings = count_crossings(body.vertices)
        if best is None or crossings < best[0]:
            best = crossings, kind, body
        if crossings <= MAX_CROSSING_FACES:
            break
    if best is None:
        kind, rotations = sample_pose(model.rest_joints, rng, 'stand')
        body = model.pose(rotations, phenotype, face)
        best = count_crossings(body.vertices), kind, body
    crossings, kind, body = best
    lowest = body.vertices[model.skin_vertices, 2].min()
    root = body.joint('root')
    offset = np.array([-root[0], -root[1], -lowest])
    return Person(body.moved(np.eye(3), offset), phenotype, years, kind, face, tries, crossings)


def placed(person: Person, degrees: float, position: NDArray) -> Person:
    """The same person elsewhere on the floor.

    Args:
        person (Person): Stands at the origin and looks to -y.
        degrees (float): Turn about the vertical.
        position (NDArray): Where to stand, (2,).
    """
    turn = rotation([0, 0, 1], degrees)
    offset = np.array([*position, 0.0])
    return replace(person, body=person.body.moved(turn, offset))


def facing(person: Person) -> float:
    """Direction of the face in degrees about the vertical, 0 for -y."""
    x, y, _ = unit(person.head_forward)
    return float(np.degrees(np.arctan2(x, -y)))
