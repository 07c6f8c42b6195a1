"""Where people are: light, key lights and what is behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .geometry import smoothstep, unit
from .lights import SMALL, KeyLight, panorama_directions, read_panorama, split_panorama, turned
from .looks import linear, sample_color

KINDS = ('room', 'sky', 'studio', 'panorama')
"""Analytic backgrounds, in the order that the kernels know."""

KIND_CHANCES = (0.45, 0.35, 0.20)
_GROUNDS = (
    (0.30, 0.38, 0.20), (0.45, 0.44, 0.43), (0.62, 0.55, 0.42),
    (0.30, 0.30, 0.32),
)  # fmt: skip
_FLOORS = (
    (0.50, 0.36, 0.24), (0.62, 0.60, 0.57), (0.35, 0.33, 0.33),
    (0.70, 0.60, 0.50), (0.25, 0.30, 0.40),
)  # fmt: skip
RECT_COLUMNS = 12


@dataclass
class Setting:
    """Light and background of one image.

    Args:
        kind (str): One of :data:`KINDS`.
        light (NDArray): Panorama that lights people.
        keys (list[KeyLight]): Key lights.
        style (int): Kind of floor or screen.
        offset (float): Of the noise in [0, 64).
        size (NDArray): Half width, half depth and height of the room.
        walls (NDArray): Colors (4, 3).
        rects (NDArray): Things on walls (N, 12).
        ambient, floor, ceiling, color (NDArray): Colors (3,); ``ceiling`` is the haze in open air
            and the second color of a screen.
        cloud, skyline (float): Of the sky.
        panorama (NDArray | None): Environment map behind people.
        image (Path | None): Photograph behind people.
    """

    kind: str
    light: NDArray
    keys: list[KeyLight]
    style: int = 0
    offset: float = 0.0
    size: NDArray = field(default_factory=lambda: np.full(3, 4.0))
    walls: NDArray = field(default_factory=lambda: np.full((4, 3), 0.5))
    rects: NDArray = field(default_factory=lambda: np.zeros((0, RECT_COLUMNS)))
    ambient: NDArray = field(default_factory=lambda: np.ones(3))
    floor: NDArray = field(default_factory=lambda: np.full(3, 0.3))
    ceiling: NDArray = field(default_factory=lambda: np.full(3, 0.8))
    color: NDArray = field(default_factory=lambda: np.full(3, 0.5))
    cloud: float = 0.0
    skyline: float = 0.0
    panorama: NDArray | None = None
    image: Path | None = None


def sample_setting(
    rng: Generator, *, camera: NDArray, panoramas: Sequence[Path] = (), images: Sequence[Path] = ()
) -> Setting:
    """Light and background of one image.

    Args:
        rng (Generator): Source of all randomness.
        camera (NDArray): Position of the camera, which is inside the room.
        panoramas (Sequence[Path]): Environment maps to choose from; they give light, and the
            background where there are no images.
        images (Sequence[Path]): Photographs to choose from.
    """
    if panoramas:
        setting = _from_panorama(rng, panoramas)
    else:
        kind = str(rng.choice(KINDS[:3], p=KIND_CHANCES))
        make = {'room': _room, 'sky': _sky, 'studio': _studio}[kind]
        setting = make(rng, camera)
    if images:
        setting.image = images[int(rng.integers(len(images)))]
    return setting


def _from_panorama(rng: Generator, panoramas: Sequence[Path]) -> Setting:
    path = panoramas[int(rng.integers(len(panoramas)))]
    whole = turned(read_panorama(path), float(rng.random()))
    soft, keys = split_panorama(whole)
    return Setting('panorama', soft, keys, panorama=whole)


def _key(
    rng: Generator,
    height: tuple[float, float],
    power: tuple[float, float],
    spread: tuple[float, float],
) -> KeyLight:
    direction = unit([*rng.uniform(-1, 1, 2), rng.uniform(*height)])
    warm = np.array([1, rng.uniform(0.85, 1), rng.uniform(0.65, 1.1)])
    return KeyLight(direction, warm * rng.uniform(*power), float(rng.uniform(*spread)))


def _room(rng: Generator, camera: NDArray) -> Setting:
    uniform = rng.uniform
    size = np.array([uniform(2.5, 5), uniform(2.5, 5), uniform(2.4, 3.6)])
    size = np.maximum(size, np.abs(camera) + [0.4, 0.4, 0.3])
    base = np.array([0.85, 0.82, 0.78])
    walls = []
    for _ in range(4):
        shade = base * uniform(0.4, 1.1) + rng.normal(0, 0.07, 3)
        walls.append(linear(np.clip(shade, 0.05, 1)))
    rects = []
    for _ in range(rng.integers(4, 13)):
        kind = 4 if rng.random() < 0.22 else int(rng.integers(4))
        rects.append(
            np.r_[
                rng.integers(4),
                uniform(-0.9, 0.9),
                uniform(0.15, 0.85),
                uniform(0.05, 0.35),
                uniform(0.05, 0.3),
                linear(sample_color(rng)),
                linear(sample_color(rng)),
                kind,
            ]
        )
    floor = linear(_FLOORS[rng.integers(len(_FLOORS))])
    ceiling = linear([0.9, 0.9, 0.88])
    ambient = uniform(0.35, 0.8) * np.array([1, uniform(0.9, 1), uniform(0.78, 1.05)])
    directions = panorama_directions(SMALL)
    axis = np.argmax(np.abs(directions) / size, -1)
    x, y, z = (directions[..., k] > 0 for k in range(3))
    light = np.where(z[..., None], ceiling, floor)
    light = np.where((axis == 0)[..., None], np.array(walls)[x * 1], light)
    light = np.where((axis == 1)[..., None], np.array(walls)[2 + y * 1], light)
    keys = [_key(rng, (0.25, 1.3), (0.5, 1.8), (0.08, 0.35)) for _ in range(rng.integers(1, 4))]
    return Setting(
        'room',
        light * ambient * 1.2,
        keys,
        style=int(rng.integers(3)),
        offset=float(uniform(0, 64)),
        size=size,
        walls=np.array(walls),
        rects=np.array(rects),
        ambient=ambient,
        floor=floor,
        ceiling=ceiling,
    )


def _sky(rng: Generator, camera: NDArray) -> Setting:
    uniform = rng.uniform
    height, turn = np.radians(uniform(12, 70)), uniform(0, 2 * np.pi)
    sun = np.array([np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height)])
    overcast = rng.random() < 0.35
    if overcast:
        zenith = np.ones(3) * uniform(0.5, 0.8)
    else:
        zenith = np.array([0.18, 0.32, 0.75]) * uniform(0.6, 1.2)
    horizon = np.array([0.75, 0.8, 0.9]) * uniform(0.7, 1.1)
    ground = linear(_GROUNDS[rng.integers(len(_GROUNDS))])
    warm = np.array([1, 0.62 + 0.38 * sun[2], 0.4 + 0.55 * sun[2]])
    power = warm * uniform(1.6, 4) * (0.12 if overcast else 1)
    up = panorama_directions(SMALL)[..., 2:]
    above = horizon + (zenith - horizon) * np.sqrt(np.clip(up, 0, 1))
    below = ground * 0.55 * (horizon + 0.2 * power * max(0.2, sun[2]))
    mix = smoothstep(-0.06, 0.06, up)
    return Setting(
        'sky',
        above * mix + below * (1 - mix),
        [KeyLight(sun, power, 0.3 if overcast else 0.03)],
        style=int(rng.integers(2)),
        offset=float(uniform(0, 64)),
        ambient=horizon * 0.6 + zenith * 0.4,
        floor=ground,
        ceiling=horizon,
        cloud=float(uniform(0, 1)),
        skyline=float(uniform(0.02, 0.3)),
    )


def _studio(rng: Generator, camera: NDArray) -> Setting:
    first = linear(sample_color(rng)) * 0.9 + 0.05
    second = linear(sample_color(rng)) * 0.9 + 0.05
    ambient = rng.uniform(0.25, 0.8) * rng.uniform(0.85, 1.1, 3)
    mix = 0.5 + 0.5 * panorama_directions(SMALL)[..., 2:]
    keys = [_key(rng, (-0.2, 1.2), (0.4, 2.0), (0.1, 0.45)) for _ in range(rng.integers(1, 4))]
    return Setting(
        'studio',
        (first * (1 - mix) + second * mix + 0.25) * ambient,
        keys,
        style=int(rng.integers(3)),
        offset=float(rng.uniform(0, 64)),
        ambient=ambient,
        ceiling=second,
        color=first,
    )


def read_background(path: Path, size_hw: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """A random crop of a photograph in linear light.

    Args:
        path (Path): Any image that OpenCV reads.
        size_hw (tuple[int, int]): Height and width of the result.
        rng (Generator): Place and size of the crop, and whether to mirror.

    Raises:
        ValueError: If the file is no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f'{path} is not an image that OpenCV reads')
    height, width = size_hw
    have_h, have_w = image.shape[:2]
    largest = min(have_h / height, have_w / width)
    scale = largest * rng.uniform(0.7, 1)
    crop_h, crop_w = round(height * scale), round(width * scale)
    top = int(rng.integers(have_h - crop_h + 1))
    left = int(rng.integers(have_w - crop_w + 1))
    crop = image[top : top + crop_h, left : left + crop_w, ::-1]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    crop = cv2.resize(np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_AREA)
    return ((crop / 255.0) ** 2.2).astype(np.float32)


def list_images(folder: Path | None) -> list[Path]:
    """Image files of a folder and its sub-folders, sorted.

    Raises:
        FileNotFoundError: If a folder is given and has none.
    """
    if folder is None:
        return []
    endings = {'.jpg', '.jpeg', '.png', '.bmp', '.webp', '.hdr'}
    found = sorted(path for path in folder.rglob('*') if path.suffix.lower() in endings)
    if not found:
        raise FileNotFoundError(f'there are no images in {folder}')
    return found
