"""Photographs of people, cut to the shape that the networks expect."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmsapiens.core import ReadError
from mmsapiens.io.images import decode_image

SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
ASPECT = 3 / 4
"""Width by height of the images that the networks see."""
MARGIN = 1.15
"""How much larger than the person's box the cut is."""
HEIGHT = 512


def use_portrait(folder: Path) -> Path:
    """Lay the public-domain portrait that ships with matplotlib out as a COCO folder."""
    from matplotlib.cbook import get_sample_data

    folder.mkdir(parents=True, exist_ok=True)
    image = get_sample_data('grace_hopper.jpg', asfileobj=False)
    shutil.copy(image, folder / 'grace_hopper.jpg')
    shutil.copy(Path(__file__).parents[1] / 'portrait.json', folder)
    return folder


@dataclass(frozen=True)
class Cut:
    """A person cut from a photograph.

    Args:
        name (str): Of the photograph and the person.
        image (NDArray): BGR, uint8 (H, W, 3).
        box (NDArray): x1, y1, x2, y2 of the person in it.
    """

    name: str
    image: NDArray
    box: NDArray


def cut_person(photo: NDArray, box: NDArray, margin: float) -> Cut:
    """Cut a box with a margin, of the shape 4:3; edges are continued.

    Args:
        photo (NDArray): BGR, uint8 (H, W, 3).
        box (NDArray): x1, y1, x2, y2.
        margin (float): How much larger than the box.

    Returns:
        Cut: Of :data:`HEIGHT` pixels, without a name.
    """
    middle, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    height = max(sides[1], sides[0] / ASPECT) * margin
    scale = HEIGHT / height
    size_wh = (round(HEIGHT * ASPECT), HEIGHT)
    shift = np.array(size_wh) / 2 - middle * scale
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    if scale < 0.5:  # a soft photograph, or warping skips pixels
        photo = cv2.GaussianBlur(photo, (0, 0), 0.35 / scale)
    image = cv2.warpAffine(photo, matrix, size_wh, borderMode=cv2.BORDER_REPLICATE)
    placed = np.concatenate([box[:2] * scale + shift, box[2:] * scale + shift])
    return Cut('', image, placed)


def read_boxes(folder: Path) -> dict[str, list[NDArray]]:
    """Boxes of people in the COCO files of a folder, by image.

    Args:
        folder (Path): Searched with its sub-folders.
    """
    boxes: dict[str, list[NDArray]] = {}
    for path in sorted(folder.rglob('*.json')):
        try:
            document = json.loads(path.read_text('utf-8'))
            names = {i['id']: i['file_name'] for i in document['images']}
            people = document['annotations']
        except (ValueError, TypeError, KeyError):
            continue  # another kind of file
        found: dict[str, list[NDArray]] = {}
        for person in people:
            if person.get('bbox') and not person.get('iscrowd'):
                x, y, width, height = person['bbox']
                if width >= 48 and height >= 64:
                    name = Path(names[person['image_id']]).name
                    box = np.array([x, y, x + width, y + height])
                    found.setdefault(name, []).append(box)
        for name, each in found.items():
            boxes.setdefault(name, each)
    return boxes


def find_people(folder: Path, most: int) -> Iterator[Cut]:
    """People in the photographs of a folder.

    Where a COCO file gives boxes, one for each of the largest; or else the whole photograph.

    Args:
        folder (Path): Searched with its sub-folders.
        most (int): How many people.

    Raises:
        FileNotFoundError: If there is no photograph.
    """
    paths = [
        path
        for path in sorted(folder.rglob('*'))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith('.')
    ]
    if not paths:
        raise FileNotFoundError(f'no photograph ({", ".join(SUFFIXES)}) under {folder}')
    boxes = read_boxes(folder)
    count = 0
    for turn in range(most):  # the largest of each first
        for path in paths:
            people = sorted(boxes.get(path.name, []), key=_area, reverse=True)
            if count >= most or turn >= max(1, len(people)):
                continue
            try:
                photo = decode_image(path.read_bytes(), str(path))
            except ReadError as error:
                print(f'{error} It is left out.')
                continue
            height, width = photo.shape[:2]
            if people:
                cut = cut_person(photo, people[turn], MARGIN)
            else:
                cut = cut_person(photo, np.array([0, 0, width, height]), 1)
            count += 1
            yield Cut(f'{count}-{path.stem}', cut.image, cut.box)


def _area(box: NDArray) -> float:
    return float(np.prod(box[2:] - box[:2]))
