"""Images that a made pool starts from: rendered people, and photographs with boxes of people.

Boxes are float (N, 4): x1, y1, x2, y2 in pixels. Images are BGR, uint8 (H, W, 3).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mmsapiens.core import MissingInputError, atomic_write

SIZES_HW = ((1024, 768), (768, 1024), (800, 800), (960, 720), (1280, 960))
"""Sizes of rendered images, in turn."""
VISIBLE = 0.5
"""Share of a box that a crop must hold for the person to count."""
CC0 = 'https://creativecommons.org/publicdomain/zero/1.0/'


@dataclass(frozen=True)
class Source:
    """An image to start from.

    Args:
        name (str): Unique among the sources.
        image (NDArray): BGR, uint8 (H, W, 3).
        boxes (NDArray): Of its people, float (N, 4); all of them.
        license (str): Address of its license. Defaults to that of rendered people.
        is_known (bool): Whether ``boxes`` says who is there. Defaults to True.
    """

    name: str
    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    license: str = CC0
    is_known: bool = True

    @property
    def largest(self) -> float:
        """Shorter side of the box of the largest person in pixels, 0 without people."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return float(sides.min(axis=1).max()) if len(sides) else 0.0

    def scaled(self, factor: float) -> Source:
        """Larger or smaller."""
        kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        image = cv2.resize(self.image, None, fx=factor, fy=factor, interpolation=kind)
        return replace(self, image=image, boxes=self.boxes * factor)

    def cropped(self, x1: int, y1: int, x2: int, y2: int) -> Source:
        """A part; people of whom less than :data:`VISIBLE` is left do not count."""
        low, high = np.array([x1, y1]), np.array([x2, y2])
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        inside = np.concatenate(
            [self.boxes[:, :2].clip(low, high), self.boxes[:, 2:].clip(low, high)], axis=1
        )
        left = inside[:, 2:] - inside[:, :2]
        seen = left.prod(axis=1) > VISIBLE * sides.prod(axis=1)
        boxes = inside[seen] - np.concatenate([low, low])
        return replace(self, image=self.image[y1:y2, x1:x2], boxes=boxes.astype(np.float32))

    def mirrored(self) -> Source:
        """Left and right exchanged."""
        width = self.image.shape[1]
        x1, y1, x2, y2 = self.boxes.T
        boxes = np.stack([width - x2, y1, width - x1, y2], axis=1)
        return replace(self, image=np.ascontiguousarray(self.image[:, ::-1]), boxes=boxes)


def sample_crop(source: Source, rng: Generator, *, share: float = 0.6) -> Source:
    """A random part with at least ``share`` of each side, of about the same shape."""
    height, width = source.image.shape[:2]
    h, w = (int(side * rng.uniform(share, 1)) for side in (height, width))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return source.cropped(x, y, x + w, y + h)


def sample_empty(source: Source, rng: Generator, *, tries: int = 200) -> Source | None:
    """A random part without a pixel of a person's box; None where there is no room for one."""
    height, width = source.image.shape[:2]
    for _ in range(tries):
        side = int(rng.uniform(0.25, 0.6) * min(height, width))
        x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        x1, y1, x2, y2 = source.boxes.T
        if not np.any((x1 < x + side) & (x2 > x) & (y1 < y + side) & (y2 > y)):
            return source.cropped(x, y, x + side, y + side)
    return None


def read_photographs(folder: Path) -> list[Source]:
    """Photographs with COCO annotations of people beside them.

    Args:
        folder (Path): It, or a folder in it, holds photographs and a JSON file in COCO's layout, as
            ``tests/data/coco`` of MMPose does. The first one with annotations counts.

    Raises:
        MissingInputError: If no JSON file there has annotations of images.
    """
    for path in sorted(folder.rglob('*.json')):
        content = json.loads(path.read_text('utf-8'))
        if isinstance(content, dict) and content.get('annotations') and content.get('images'):
            return list(_annotated(path.parent, content))
    raise MissingInputError(
        f'{folder} holds no JSON file with the `images` and `annotations` of COCO; give a folder '
        f'of photographs with one, or none to make a pool without photographs'
    )


def _annotated(folder: Path, content: dict) -> Iterator[Source]:
    licenses = {entry['id']: entry['url'] for entry in content.get('licenses', [])}
    for entry in content['images']:
        image = cv2.imread(str(folder / entry['file_name']))
        if image is None:
            continue
        boxes = [a['bbox'] for a in content['annotations'] if a['image_id'] == entry['id']]
        xywh = np.array(boxes, np.float32).reshape(-1, 4)
        corners = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        stated = licenses.get(entry.get('license'), '')
        yield Source(Path(entry['file_name']).stem, image, corners, stated)


def read_frames(folder: Path) -> list[Source]:
    """All frames of the MP4 files in a folder and below; of whom they show nothing is known."""
    frames = []
    for path in sorted(folder.rglob('*.mp4')):
        video = cv2.VideoCapture(str(path))
        while (frame := video.read()[1]) is not None:
            name = f'{path.stem}-{len(frames):05d}'
            frames.append(Source(name, frame, np.zeros((0, 4), np.float32), '', False))
        video.release()
    return frames


def read_render(folder: Path, number: int) -> Source:
    """A rendered image of :func:`render_people`."""
    path = folder / f'{number:05d}.jpg'
    boxes = json.loads(path.with_suffix('.json').read_text('utf-8'))
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    image = cv2.imread(str(path))
    if image is None:
        raise MissingInputError(f'{path} cannot be read; remove it and make the pool again')
    return Source(f'render-{number:05d}', image, corners)


def render_people(folder: Path, count: int, *, seed: int, workers: int) -> Iterator[int]:
    """Render people into ``folder`` unless they are there; yields how many are done.

    Raises:
        MissingInputError: If ``projects/synthetic_humans`` cannot be imported.
    """
    left = [n for n in range(count) if not (folder / f'{n:05d}.json').is_file()]
    if left and find_spec('synthetic_humans') is None:
        beside = Path(__file__).resolve().parents[2] / 'synthetic_humans'
        if not (beside / 'synthetic_humans').is_dir():
            raise MissingInputError(
                'the renderer of people is not installed; run `pip install '
                './projects/synthetic_humans`, or make the pool with `--renders 0`'
            )
        sys.path.insert(0, str(beside))  # the processes started below get the same path
    yield count - len(left)
    jobs = [(folder, number, seed) for number in left]
    if workers == 1:
        for done, job in enumerate(jobs, count - len(left) + 1):
            _render(job)
            yield done
    elif jobs:
        context = multiprocessing.get_context('spawn')  # Warp does not survive a fork
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
            for done, _ in enumerate(pool.map(_render, jobs), count - len(left) + 1):
                yield done


def _start() -> None:
    """One thread for each process."""
    os.environ['OMP_NUM_THREADS'] = '1'
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _render(job: tuple[Path, int, int]) -> None:
    folder, number, seed = job
    from synthetic_humans.sample import render_sample
    from synthetic_humans.settings import Settings

    size_hw = SIZES_HW[number % len(SIZES_HW)]
    people = (1, 3) if size_hw[1] >= size_hw[0] else (1, 1)
    sample = render_sample(Settings(size_hw, seed=seed, people=people), number)
    boxes = [p.box for p in sample.people if p.box is not None]
    corners = [[x, y, x + w, y + h] for x, y, w, h in boxes]
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    image = cv2.imencode('.jpg', sample.rgb[..., ::-1], quality)[1]
    atomic_write(image.tobytes(), folder / f'{number:05d}.jpg', is_durable=False)
    atomic_write(json.dumps(corners).encode(), folder / f'{number:05d}.json', is_durable=False)
