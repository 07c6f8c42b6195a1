"""Poses and facial expressions, sampled.

Rotations are in the axes of the canonical pose (x to the person's left, y to the back, z up) and
follow the rotation of the parent. Angles in degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .geometry import rotation, rotation_between, unit

X, Y, Z = np.eye(3)
Rotations = dict[str, NDArray]
Joints = Mapping[str, NDArray]

KINDS: dict[str, float] = {
    'stand': 0.30,
    'reach': 0.20,
    'walk': 0.17,
    'arms_up': 0.08,
    'sit': 0.07,
    'hips': 0.06,
    'lunge': 0.05,
    'run': 0.05,
    'fold': 0.02,
}
"""Pose -> probability."""

HANDS: dict[str, tuple[float, float]] = {
    'relaxed': (0.45, 25),
    'open': (0.20, 4),
    'fist': (0.13, 72),
    'point': (0.07, 70),
    'mixed': (0.15, 0),
}
"""Shape of a hand -> probability, bend of its joints."""

EXPRESSIONS: tuple[dict[str, float], ...] = (
    {},
    {'mouthSmile': 0.7, 'cheekSquint': 0.3},
    {'jawOpen': 0.55},
    {'jawOpen': 0.3, 'mouthSmile': 0.8},
    {'browInnerUp': 0.8, 'jawOpen': 0.25, 'eyeWide': 0.5},
    {'mouthFrown': 0.6, 'browDown': 0.6},
    {'mouthPucker': 0.8},
    {'tongueOut': 0.9, 'jawOpen': 0.6},
    {'mouthUpperUp': 0.7, 'mouthLowerDown': 0.6},
    {'mouthSmile': 0.5, 'mouthUpperUp': 0.5, 'mouthLowerDown': 0.4},
)
"""Facial actions at full strength; both sides move alike."""

ONE_SIDED = {'browInnerUp', 'jawOpen', 'mouthPucker', 'tongueOut'}


@dataclass(frozen=True)
class Arm:
    """Target of an arm: direction (outwards, front, up) and two angles."""

    direction: tuple[float, float, float]
    elbow: float
    twist: float


class Draw:
    """Random numbers of poses: truncated normals and uniforms."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng

    def normal(self, deviation: float) -> float:
        """Normal around 0, cut at 2.2 deviations."""
        limit = 2.2 * deviation
        return float(np.clip(self.rng.normal(0, deviation), -limit, limit))

    def uniform(self, low: float, high: float) -> float:
        """Uniform between two bounds."""
        return float(self.rng.uniform(low, high))


def sample_expression(rng: Generator) -> dict[str, float]:
    """Facial actions in [0, 1]."""
    chosen = EXPRESSIONS[rng.integers(len(EXPRESSIONS))]
    out: dict[str, float] = {}
    for name, strength in chosen.items():
        value = min(1.0, strength * float(rng.uniform(0.5, 1.1)))
        sides = [''] if name in ONE_SIDED else ['Left', 'Right']
        out.update({name + side: value for side in sides})
    blink = 1.0 if rng.random() < 0.05 else abs(float(rng.normal(0, 0.12)))
    out.update(eyeBlinkLeft=min(1, blink), eyeBlinkRight=min(1, blink))
    return out


def sample_pose(joints: Joints, rng: Generator, kind: str | None = None) -> tuple[str, Rotations]:
    """A pose of the whole body.

    Args:
        joints (Joints): Bone -> position of its head in the rest pose.
        rng (Generator): Source of randomness.
        kind (str, optional): A key of :data:`KINDS`. Defaults to None, a random one.

    Returns:
        tuple: The kind, and bone -> rotation (3, 3).

    Raises:
        KeyError: If there is no such kind.
    """
    if kind is None:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind not in KINDS:
        raise KeyError(f'`kind` must be one of {list(KINDS)}, but got {kind!r}')
    draw = Draw(rng)
    out = _trunk(draw, kind)
    phase = draw.uniform(0, 2 * np.pi)
    gait = {'walk': draw.uniform(18, 30), 'run': draw.uniform(35, 50)}.get(kind, 0.0)
    front = 'LR'[rng.integers(2)]
    for side in 'LR':
        sign = 1 if side == 'L' else -1
        at = phase + (0 if side == 'L' else np.pi)
        out.update(_leg(draw, kind, side, sign, at, gait, side == front))
        arm = _arm_target(draw, kind, at, gait)
        out.update(_arm(draw, joints, side, sign, arm))
        out.update(_hand(draw, joints, side, sign))
    yaw, pitch = draw.normal(9), draw.normal(6)
    for side in 'LR':
        out[f'eye.{side}'] = rotation(Z, yaw) @ rotation(X, pitch)
    return kind, out


def _trunk(draw: Draw, kind: str) -> Rotations:
    flexion = {
        'sit': 4 + draw.normal(8),
        'lunge': 12 + draw.normal(10),
        'run': 8 + draw.normal(6),
        'walk': 3 + draw.normal(3),
    }.get(kind, draw.normal(6))
    side, twist = draw.normal(5), draw.normal(10)
    out: Rotations = {}
    for bone in ('spine05', 'spine04', 'spine03', 'spine02', 'spine01'):
        out[bone] = rotation(Z, twist / 5) @ rotation(Y, side / 5) @ rotation(X, flexion / 5)
    yaw, pitch, roll = draw.normal(22), draw.normal(12), draw.normal(7)
    shares = {'neck01': 0.15, 'neck02': 0.15, 'neck03': 0.2, 'head': 0.5}
    for bone, share in shares.items():
        out[bone] = (
            rotation(Z, yaw * share) @ rotation(Y, roll * share) @ rotation(X, pitch * share)
        )
    return out


def _leg(
    draw: Draw, kind: str, side: str, sign: int, at: float, gait: float, is_front: bool
) -> Rotations:
    # The canonical stance is wide: about 3 degrees inwards to stand.
    normal = draw.normal
    if kind in ('walk', 'run'):
        run = kind == 'run'
        flexion = gait * np.sin(at) + (10 if run else 4)
        swing = max(0, np.sin(at - 1.9))
        knee = max(2, (70 if run else 35) * swing + (15 if run else 6))
        outward, twist = normal(2) - 3.5, normal(4)
        ankle = -10 * np.sin(at + 0.6) + normal(4)
    elif kind == 'sit':
        flexion, knee = 85 + normal(7), 85 + normal(14)
        outward, twist = 6 + abs(normal(6)), normal(6)
        ankle = normal(6)
    elif kind == 'lunge':
        flexion = 60 + normal(12) if is_front else -12 + normal(6)
        knee = 70 + normal(12) if is_front else 25 + abs(normal(12))
        outward, twist = 4 + normal(4), normal(5)
        ankle = 10 if is_front else -15
    else:
        flexion = abs(normal(7))
        knee = flexion * 1.6 + abs(normal(3))
        outward, twist = normal(3) - 1.5, 5 + normal(6)
        ankle = flexion * 0.6 - knee * 0.6 + normal(2)
    return {
        f'upperleg01.{side}': rotation(Z, sign * twist)
        @ rotation(Y, -sign * outward)
        @ rotation(X, -flexion),
        f'lowerleg01.{side}': rotation(X, knee),
        f'foot.{side}': rotation(X, -ankle) @ rotation(Z, sign * normal(4)),
    }


def _walk_arm(draw: Draw, at: float, gait: float, bend: float) -> Arm:
    swing = np.radians(-0.8 * gait * np.sin(at))
    out = 0.24 + abs(draw.normal(0.05))
    elbow = bend + draw.normal(8) + max(0, 20 * np.sin(at + np.pi))
    direction = (out, float(np.sin(swing)), float(-np.cos(swing)))
    return Arm(direction, elbow, draw.normal(8))


def _hanging_arm(draw: Draw) -> Arm:
    out, front = 0.24 + abs(draw.normal(0.08)), 0.05 + draw.normal(0.12)
    return Arm((out, front, -1), 12 + abs(draw.normal(14)), draw.normal(12))


def _arm_target(draw: Draw, kind: str, at: float, gait: float) -> Arm:
    uniform, normal = draw.uniform, draw.normal
    targets: dict[str, Callable[[], Arm]] = {
        'walk': lambda: _walk_arm(draw, at, gait, 20),
        'run': lambda: _walk_arm(draw, at, gait, 80),
        'reach': lambda: Arm(
            (uniform(-0.1, 1), uniform(-0.25, 1), uniform(-1, 0.75)), uniform(5, 110), normal(30)
        ),
        'arms_up': lambda: Arm(
            (uniform(0.1, 0.9), uniform(-0.1, 0.6), uniform(0.3, 1)), uniform(5, 100), normal(25)
        ),
        'hips': lambda: Arm(
            (0.78 + normal(0.08), -0.25 + normal(0.08), -0.75), 86 + normal(8), -62 + normal(6)
        ),
        'sit': lambda: Arm(
            (0.22 + abs(normal(0.06)), 0.3 + normal(0.1), -1), 42 + normal(16), normal(10)
        ),
        'fold': lambda: Arm(
            (0.3 + normal(0.05), 0.45 + normal(0.08), -0.9), 78 + normal(10), 45 + normal(8)
        ),
    }
    if kind in targets:
        return targets[kind]()
    if draw.rng.random() < 0.25:
        return Arm(
            (uniform(0.15, 0.7), uniform(-0.1, 0.8), uniform(-1, 0.2)), uniform(20, 120), normal(25)
        )
    return _hanging_arm(draw)


def _arm(draw: Draw, joints: Joints, side: str, sign: int, arm: Arm) -> Rotations:
    shoulder, elbow, wrist = (
        joints[f'{bone}.{side}'] for bone in ('upperarm01', 'lowerarm01', 'wrist')
    )
    upper, lower = unit(elbow - shoulder), unit(wrist - elbow)
    rest_bend = np.degrees(np.arccos(np.clip(upper @ lower, -1, 1)))
    target = unit(np.array(arm.direction) * [sign, -1, 1])
    turn = rotation(target, sign * arm.twist) @ rotation_between(upper, target)
    # The collar bone takes part of what goes above the horizontal.
    elevation = np.degrees(np.arcsin(np.clip(target[2], -1, 1)))
    lift = np.clip((elevation + 20) * 0.3, 0, 30)
    collar = rotation(Y, -sign * lift) @ rotation(Z, sign * draw.normal(4))
    roll = sign * draw.normal(30)
    bend = rotation(np.cross(upper, lower), arm.elbow - rest_bend)
    forward, palm = _palm(joints, side, sign)
    curl = np.cross(forward, palm)
    return {
        f'clavicle.{side}': collar,
        f'upperarm01.{side}': collar.T @ turn,
        f'lowerarm01.{side}': bend,
        f'lowerarm02.{side}': rotation(lower, roll / 2),
        f'wrist.{side}': rotation(curl, draw.normal(18))
        @ rotation(palm, draw.normal(8))
        @ rotation(lower, roll / 2),
    }


def _palm(joints: Joints, side: str, sign: int) -> tuple[NDArray, NDArray]:
    index, little = (joints[f'finger{k}-1.{side}'] for k in (2, 5))
    forward = unit((index + little) / 2 - joints[f'wrist.{side}'])
    return forward, unit(np.cross(forward, unit(index - little))) * sign


def _hand(draw: Draw, joints: Joints, side: str, sign: int) -> Rotations:
    names = list(HANDS)
    chances = [HANDS[name][0] for name in names]
    shape = str(draw.rng.choice(names, p=chances))
    index, little = (joints[f'finger{k}-1.{side}'] for k in (2, 5))
    across = unit(index - little)
    _, palm = _palm(joints, side, sign)
    out: Rotations = {}
    for finger in range(1, 6):
        bend = HANDS[shape][1]
        if shape == 'mixed':
            bend = draw.uniform(0, 70)
        elif shape == 'point' and finger == 2:
            bend = 4
        start = [joints[f'finger{finger}-{k}.{side}'] for k in (1, 2, 3)]
        start.append(2 * start[2] - start[1])
        for k in range(3):
            angle = bend * (1, 1.05, 0.7)[k] + draw.normal(6)
            angle = float(np.clip(angle, -10, (85, 100, 75)[k]))
            along = unit(start[k + 1] - start[k])
            if finger > 1:
                axis = np.cross(along, palm)
            else:
                axis = np.cross(along, unit(0.4 * palm - 0.9 * across))
                angle *= 0.45
            spread = rotation(palm, draw.normal(4)) if k == 0 else np.eye(3)
            turn = rotation(axis, angle)
            out[f'finger{finger}-{k + 1}.{side}'] = turn @ spread
    return out
