"""Boxes of people, checked, and in the files of a dataset or detector."""

import json
import math
import os
import unicodedata
import warnings
from collections import defaultdict
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..keypoints.annotation_files import AnnotationFile, plain_id, plain_numbers, read_json
from ..structures.results import Image, People

WHEN_MISSING = ('error', 'nobody', 'image')


def clip_boxes(boxes: NDArray, size_hw: tuple[int, int]) -> tuple[NDArray, NDArray]:
    """Boxes (N, 4) cut off at the borders of the image, and which have an area there, (N,)."""
    height, width = size_hw
    inside = boxes.clip(0, np.array([width, height] * 2, dtype=np.float32))
    return inside, (inside[:, 2:] > inside[:, :2]).all(axis=1)


def people_of_boxes(
    boxes: Any, size_hw: tuple[int, int], *, origin: str = 'caller', where: str = '`boxes`'
) -> People:
    """Check boxes, and cut them off at the borders of the image.

    They are x1, y1, x2, y2 in pixels, (N, 4), or (N, 5) with scores, or an empty list. What is
    none, has no area inside the image or no score in [0, 1] is a ValueError of ``where``.
    """
    try:
        array = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError):
        array = np.zeros((), dtype=np.float32)
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        text = f'{where} must be x1, y1, x2, y2 for each person, (N, 4), or with a score, (N, 5)'
        raise ValueError(f'{text}, but got {np.shape(array)}')
    scores = array[:, 4] if array.shape[1] == 5 else np.ones(len(array))
    given: NDArray = scores.astype(np.float32)
    if not ((given >= 0) & (given <= 1)).all():
        text = f'{where} must have {len(array)} scores in [0, 1]'
        raise ValueError(f'{text}, but got {given.tolist()}')
    inside, is_good = clip_boxes(array[:, :4], size_hw)
    is_good &= np.isfinite(array).all(axis=1)
    if not is_good.all():
        bad, (height, width) = int(np.argmin(is_good)), size_hw
        raise ValueError(
            f'{where}: box {bad} must have an area inside the image ({width} wide, {height} high), '
            f'but is {array[bad, :4].tolist()} (x1, y1, x2, y2; of COCO add x, y to width, height)'
        )
    return People(inside, given, origin)


def digest(content: Any) -> str:
    """The start of a hash of lists, mappings, numbers and arrays; of what is none, of its text."""

    def plain(value: Any) -> Any:
        found = np.asarray(value).tolist()
        return repr(value) if found is value else found

    text = json.dumps(content, sort_keys=True, default=plain)
    return sha256(text.encode()).hexdigest()[:16]


def _plain_name(path: str) -> str:
    """The name of a file, an accent on a letter being one with it, as it is not on a Mac."""
    return unicodedata.normalize('NFC', PurePosixPath(path).name)


class PeopleFile:
    """Boxes of a COCO file, or of results of a detector; what is left out is a warning.

    Args:
        path (str | Path): A COCO file with ``images`` and ``annotations``, or a list of detections
            with ``image_id``, ``bbox`` [x, y, width, height] and ``score``.
        images (str | Path, optional): For a list of detections: the COCO file with the names of its
            images. Defaults to None, the numbers in the names of the files, as in
            '000000000785.jpg', or their whole names.
        min_score (float): Of a detection. Defaults to 0.3.
        missing (str): What an image has that the file does not know: 'error', 'nobody', or 'image'
            for one box around it. Defaults to 'error'.
        category (int | str, optional): Id or name of the category of people. Defaults to None: the
            one called 'person', the one with keypoints, or the only one; of detections without
            names 0 if there is one, else 1.

    Attributes:
        category_id (int | str): What the file calls the category of people.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of these, if no entry can be used, or if people have no category.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        min_score: float = 0.3,
        missing: str = 'error',
        category: int | str | None = None,
    ) -> None:
        if missing not in WHEN_MISSING:
            raise ValueError(f'`missing` must be one of {WHEN_MISSING}, but got {missing!r}')
        self.path, self.missing = Path(path), missing
        what = 'the file of people'
        document = read_json(self.path, what)
        self._has_names = not isinstance(document, list) or images is not None
        if isinstance(document, list):
            entries = (each for each in document if isinstance(each, dict))
            numbers = dict.fromkeys(plain_id(each.get('image_id')) for each in entries)
            known = [dict(id=n, file_name=str(n)) for n in numbers if n is not None]
            listed = dict(images=known) if images is None else read_json(images, what)
            document = dict(listed, annotations=document) if isinstance(listed, dict) else listed
        self._file = AnnotationFile(self.path, document, category=category, what=what)
        self.category_id = self._file.category_id
        self._ids: dict[str, list[int]] = defaultdict(list)
        for number, image in self._file.images.items():
            self._ids[_plain_name(image['file_name'])].append(number)
        self._boxes: dict[int, list[list[float]]] = defaultdict(list)
        for person in self._file.people:
            x, y, width, height = person['bbox']
            score = plain_numbers([person.get('score', 1)])
            if score is None:
                text = f'must have a number as `score`, but got {person["score"]!r}'
                self._file.refuse(f'annotation {person["id"]}', text)
            certain = 1.0 if math.isnan(score[0]) else min(max(float(score[0]), 0), 1)
            if not person['iscrowd'] and certain >= min_score:
                self._boxes[person['image_id']].append([x, y, x + width, y + height, certain])
        messages = self._file.messages()
        if self._file.total and not self._file.people:
            raise ValueError(f'no entry of {self.path} can be used. {"; ".join(messages)}')
        for text in messages:
            warnings.warn(text, stacklevel=2)

    @property
    def identity(self) -> str:
        """What manifests call this file; with other boxes it is another."""
        content = [self._ids if self._has_names else {}, self._boxes, self.missing]
        return f'file {self.path.name} {digest(content)}'

    def find_entry(self, name: str, source: str) -> dict[str, Any] | None:
        """``id``, ``file_name`` and ``category_id`` for results of the image, as in the file."""
        number = self._find_number(name, source)
        if number is None:
            return None
        entry = dict(id=self._file.file_ids.get(number, number), category_id=self.category_id)
        if self._has_names:
            entry['file_name'] = self._file.images[number]['file_name']
        return entry

    def _find_number(self, name: str, source: str) -> int | None:
        path = PurePosixPath(source.replace('\\', '/'))
        images = self._file.images
        if not self._has_names:
            stem = PurePosixPath(name).name
            known = [self._file.image_number(each) for each in (stem, path.name)]
            counted = int(stem) if stem.isdecimal() else None  # an image without a detection
            return next((number for number in known if number is not None), counted)
        ids = self._ids.get(_plain_name(path.name), [])
        if len(ids) > 1:  # names may have folders
            names = {i: PurePosixPath(images[i]['file_name']) for i in ids}
            ids = [i for i, each in names.items() if path.parts[-len(each.parts) :] == each.parts]
        if len(ids) > 1:
            found_names = [images[i]['file_name'] for i in ids]
            raise ValueError(f'{self.path} has several images for {source}: {found_names}')
        return ids[0] if ids else None

    def people(self, frame: Image) -> People:
        """The people of an image; a ValueError if the file has it not, or in another size."""
        number = self._find_number(frame.name, frame.source)
        if number is None and self.missing == 'image':
            return People.whole_image(frame.size_hw)
        if number is None and self.missing == 'nobody':
            return people_of_boxes([], frame.size_hw, origin='file')
        if number is None:
            raise ValueError(
                f'{self.path} does not know the image {frame.source}. Its name must be a '
                "`file_name` there, or a number without `images`; or choose `missing='nobody'`."
            )
        height, width = frame.size_hw
        known = self._file.images.get(number, {})
        listed = known.get('width', width), known.get('height', height)
        if listed != (width, height):
            text = f'{self.path} says that {frame.source} is {listed[0]} wide and {listed[1]} high'
            remedy = 'Use the images that the boxes were made for.'
            raise ValueError(f'{text}, but it is {width} and {height}. {remedy}')
        boxes, where = self._boxes.get(number, []), f'{self.path}, image {number}'
        return people_of_boxes(boxes, frame.size_hw, origin='file', where=where)
