"""Boxes of people, checked, and in the files of a dataset or detector."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..structures.results import Image, People

PERSON = 1
WHEN_MISSING = ('error', 'nobody', 'image')


def clip_boxes(boxes: NDArray, size_hw: tuple[int, int]) -> tuple[NDArray, NDArray]:
    """Boxes (N, 4) cut off at the borders of the image, and which have an area there, (N,)."""
    height, width = size_hw
    inside = boxes.clip(0, np.array([width, height] * 2, dtype=np.float32))
    return inside, (inside[:, 2:] > inside[:, :2]).all(axis=1)


def people_of_boxes(
    boxes: Any,
    size_hw: tuple[int, int],
    scores: Any = None,
    *,
    origin: str = 'caller',
    where: str = '`boxes`',
) -> People:
    """Check boxes, and cut them off at the borders of the image.

    Boxes are x1, y1, x2, y2 in pixels, (N, 4), or (N, 5) with scores, or an empty list; scores
    (N,) are those of the boxes, or else 1. What is no box, has no area inside the image, or a
    score outside of [0, 1] is a ValueError that begins with ``where``.
    """
    try:
        array = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError):
        array = np.zeros((), dtype=np.float32)
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        raise ValueError(
            f'{where} must be x1, y1, x2, y2 for each person, (N, 4), or with '
            f'a score, (N, 5), but got {np.shape(array)}'
        )
    if scores is None:
        scores = array[:, 4] if array.shape[1] == 5 else np.ones(len(array))
    given: NDArray = np.asarray(scores, dtype=np.float32).reshape(-1)
    if len(given) != len(array) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            f'{where} must have {len(array)} scores in [0, 1], but got {given.tolist()}'
        )
    inside, is_good = clip_boxes(array[:, :4], size_hw)
    is_good &= np.isfinite(array).all(axis=1)
    if not is_good.all():
        bad, (height, width) = int(np.argmin(is_good)), size_hw
        raise ValueError(
            f'{where}: box {bad} must have an area inside the image ({width} wide, {height} '
            f'high), but is {array[bad, :4].tolist()} (x1, y1, x2, y2). Boxes of COCO are x, y, '
            'width, height: add x and y.'
        )
    return People(inside, given, origin)


def digest(content: Any) -> str:
    """The start of a hash of lists, mappings, numbers and arrays; of what is none, of its text."""

    def plain(value: Any) -> Any:
        found = np.asarray(value).tolist()
        return repr(value) if found is value else found

    text = json.dumps(content, sort_keys=True, default=plain)
    return sha256(text.encode()).hexdigest()[:16]


class PeopleFile:
    """Boxes of a COCO file, or of results of a detector.

    Args:
        path (str | Path): A COCO file with ``images`` and ``annotations``, or a list of detections
            with ``image_id``, ``bbox`` [x, y, width, height] and ``score``.
        images (str | Path, optional): For a list of detections: the COCO file with the names of its
            images. Defaults to None, the numbers in the names of the files, as in
            '000000000785.jpg'.
        min_score (float): Of a detection. Defaults to 0.3.
        missing (str): What an image has that the file does not know: 'error', 'nobody', or 'image'
            for one box around it. Defaults to 'error'.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of these, or if a box is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        min_score: float = 0.3,
        missing: str = 'error',
    ) -> None:
        if missing not in WHEN_MISSING:
            raise ValueError(f'`missing` must be one of {WHEN_MISSING}, but got {missing!r}')
        self.path, self.missing = Path(path), missing
        found = listed = _read_json(self.path)
        source = self.path if images is None else Path(images)
        if not isinstance(found, list):
            found = _field(found, 'annotations', self.path)
        else:
            listed = None if images is None else _read_json(source)
        self._images: dict[int, Mapping[str, Any]] | None = None
        self._ids: dict[str, list[int]] = defaultdict(list)
        if listed is not None:
            self._read_images(_field(listed, 'images', source), source)
        self._boxes: dict[int, list[list[float]]] = defaultdict(list)
        for index, item in enumerate(found):
            self._read_box(index, item, min_score)

    @property
    def identity(self) -> str:
        """What manifests call this file; with other boxes it is another."""
        content = [self._ids, self._boxes, self.missing]
        return f'file {self.path.name} {digest(content)}'

    def _read_images(self, images: Sequence[Any], source: Path) -> None:
        self._images = {}
        for index, image in enumerate(images):
            try:
                number, name = int(image['id']), str(image['file_name'])
            except (TypeError, KeyError, ValueError):
                raise ValueError(
                    f'{source}: image {index} must have `id` and `file_name`, but got {image!r}'
                ) from None
            self._images[number] = image
            self._ids[PurePosixPath(name.replace('\\', '/')).name].append(number)

    def _read_box(self, index: int, item: Any, min_score: float) -> None:
        try:
            number, box = int(item['image_id']), item['bbox']
            x, y, width, height = map(float, box)
            score = float(item.get('score', 1))
        except (AttributeError, TypeError, KeyError, ValueError):
            must = 'must have `image_id` and `bbox` [x, y, width, height]'
            raise ValueError(
                f'{self.path}: entry {index} {must}, but got {str(item)[:200]}'
            ) from None
        where = f'entry {index}'
        if not (np.isfinite([x, y]).all() and width > 0 and height > 0):
            text = f'must have an area, but is {box} [x, y, width, height]'
            raise ValueError(f'{self.path}: the box of {where} {text}')
        if self._images is not None and number not in self._images:
            text = f'of the image {number}, which is not in the list of images'
            raise ValueError(f'{self.path}: {where} is {text}. Use files of the same set.')
        is_person = item.get('category_id', PERSON) == PERSON
        if is_person and not item.get('iscrowd') and score >= min_score:
            self._boxes[number].append([x, y, x + width, y + height, min(max(score, 0), 1)])

    def find_id(self, name: str, source: str) -> int | None:
        """The id of the image of a name and a path; None if the file does not know it.

        Raises:
            ValueError: If the file knows several.
        """
        path = PurePosixPath(source.replace('\\', '/'))
        if self._images is None:
            number = PurePosixPath(name).name
            return int(number) if number.isdecimal() else None
        ids = self._ids.get(path.name, [])
        if len(ids) > 1:  # names may have folders
            names = {i: PurePosixPath(self._images[i]['file_name'].replace('\\', '/')) for i in ids}
            ids = [i for i, each in names.items() if path.parts[-len(each.parts) :] == each.parts]
        if len(ids) > 1:
            raise ValueError(
                f'{self.path} has several images for {source}: '
                f'{[self._images[i]["file_name"] for i in ids]}'
            )
        return ids[0] if ids else None

    def people(self, frame: Image) -> People:
        """The people of an image.

        Raises:
            ValueError: If the file does not know the image, or another size of it, or if a box is
                outside.
        """
        number = self.find_id(frame.name, frame.source)
        if number is None and self.missing == 'image':
            return People.whole_image(frame.size_hw)
        if number is None and self.missing == 'nobody':
            return people_of_boxes([], frame.size_hw, origin='file')
        if number is None:
            raise ValueError(
                f'{self.path} does not know the image {frame.source}. Its name must be a '
                '`file_name` of the file, or a number if the file has no `images`; or choose '
                "`missing='nobody'` or 'image'."
            )
        height, width = frame.size_hw
        known = (self._images or {}).get(number, {})
        listed = known.get('width', width), known.get('height', height)
        if listed != (width, height):
            raise ValueError(
                f'{self.path} says that {frame.source} is {listed[0]} wide and {listed[1]} high, '
                f'but it is {width} and {height}. Use the images that the boxes were made for.'
            )
        boxes, where = self._boxes.get(number, []), f'{self.path}, image {number}'
        return people_of_boxes(boxes, frame.size_hw, origin='file', where=where)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        text = f'the file of people {path} does not exist. Check the path.'
        raise FileNotFoundError(text) from None
    except ValueError as error:
        raise ValueError(f'the file of people {path} is not JSON: {error}') from error


def _field(document: Any, name: str, path: Path) -> list[Any]:
    value = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(value, list):
        raise ValueError(
            f'{path} must be a COCO file with lists `images` and `annotations`, or a list of '
            f'detections, but `{name}` is {type(value).__name__}'
        )
    return value
