"""Where the people of an image come from."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..structures.results import Image, People
from .people_files import PeopleFile, digest, people_of_boxes

FALLBACKS = ('image', 'none')
DETECT, IMAGE = 'detect', 'image'
FindPeople = Callable[[Sequence[Image]], list[People]]
"""From some images, in the order of the stream, to their people, such as a detector."""


class BoxSource:
    """Finds the people of images.

    Args:
        people (Any): 'detect'; 'image' for one box around each image; a COCO file or detections as
            :class:`PeopleFile` reads them; boxes (N, 4) as x1, y1, x2, y2, or (N, 5) with scores,
            for every image, or a mapping of them by name of the results, path, or name of the
            file; a function of an :class:`Image`; or something with a method ``people``.
        fallback (str): What an image is in which no person is found: 'none', or 'image' for one
            box around it, as in the reference's demos. Defaults to 'none'.
        detector (Callable, optional): Makes the detector, if it is needed.

    Attributes:
        identity (str): What manifests call it; other boxes are called otherwise.
        detector (Callable, optional): None unless people are detected.
        find_entry (Callable, optional): :meth:`PeopleFile.find_entry`, None without a file.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If ``people`` is none of these.
        ValueError: If ``fallback`` is unknown.
    """

    def __init__(
        self, people: Any, fallback: str = 'none', detector: Callable[[], FindPeople] | None = None
    ) -> None:
        if fallback not in FALLBACKS:
            raise ValueError(f'`fallback` must be one of {FALLBACKS}, but got {fallback!r}')
        self.fallback = fallback
        self.detector: FindPeople | None = None
        self.find_entry: Callable[[str, str], Mapping[str, Any] | None] | None = None
        self._people: Callable[[Image], People]
        if isinstance(people, str) and people == DETECT and detector is not None:
            self.detector, self.identity = detector(), DETECT
            return
        if isinstance(people, str) and people == IMAGE:
            self._people, self.identity = _whole, IMAGE
            return
        if isinstance(people, (str, os.PathLike)):
            path = os.path.expanduser(os.fspath(people))
            if not path.endswith('.json') and not os.path.exists(path):
                text = f"`people` must be '{DETECT}', '{IMAGE}' or a file of boxes"
                raise FileNotFoundError(f'{text}, but got {people!r}, and there is no such file')
            people = PeopleFile(path)
        if isinstance(people, PeopleFile):
            self.find_entry = people.find_entry
        if isinstance(people, (Mapping, list, tuple, np.ndarray)):
            by_text = {str(k): v for k, v in people.items()} if isinstance(people, Mapping) else 0
            self._people = partial(_given, people)
            self.identity = f'caller {digest(by_text or people)}'
        elif hasattr(people, 'people'):
            self._people = people.people
            self.identity = getattr(people, 'identity', type(people).__name__)
        elif callable(people):
            self._people, self.identity = lambda frame: _given(people(frame), frame), 'function'
        else:
            text = f"`people` must be '{DETECT}', '{IMAGE}', a file, boxes or a function"
            raise TypeError(f'{text}, but got {type(people).__name__}')

    def __call__(self, frames: Sequence[Image]) -> list[People]:
        """The people of each image; an error if there are no boxes for one, or they are none."""
        found = self.detector(frames) if self.detector else list(map(self._people, frames))
        if self.fallback == 'none':
            return found
        return [people if len(people) else _whole(frame) for people, frame in zip(found, frames)]


def _whole(frame: Image) -> People:
    return People.whole_image(frame.size_hw)


def _given(boxes: Any, frame: Image) -> People:
    """Boxes that the caller has, or the answer of a function of the caller."""
    if isinstance(boxes, People):
        return boxes
    if isinstance(boxes, Mapping):
        keys = list(dict.fromkeys([frame.name, frame.source, os.path.basename(frame.source)]))
        found = [key for key in keys if key in boxes]
        if not found:
            remedy = f'give them under one of {keys}, an empty list for no person'
            raise KeyError(f'the boxes have nothing for {frame.source}: {remedy}')
        boxes = boxes[found[0]]
    return people_of_boxes(boxes, frame.size_hw, where=f'the boxes of {frame.name}')
