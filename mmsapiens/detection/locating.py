"""Where the people of an image come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..structures.results import Image, People
from .people_boxes import CallerPeople, people_of_boxes
from .people_files import PeopleFile

Locator = Callable[[Sequence[Image]], list[People]]
"""From some images, in the order of the stream, to their people."""
FALLBACKS = ('image', 'none')
DETECT, IMAGE = 'detect', 'image'


class KnowsPeople(Protocol):
    """Such as :class:`PeopleFile` or :class:`CallerPeople`."""

    def people(self, frame: Image) -> People:
        """The people of an image."""


def whole_images(frames: Sequence[Image]) -> list[People]:
    """Every image is one person."""
    return [People.whole_image(frame.size_hw) for frame in frames]


class KnownPeople:
    """People that somebody knows image by image.

    Args:
        source (KnowsPeople): Who.
    """

    def __init__(self, source: KnowsPeople) -> None:
        self.source = source

    def __call__(self, frames: Sequence[Image]) -> list[People]:
        """People of each image."""
        return [self.source.people(frame) for frame in frames]


class AskedPeople:
    """Boxes that a function of the caller gives.

    Args:
        function (Callable): From a :class:`Image` to boxes (N, 4), boxes with scores (N, 5), or
            :class:`People`.
    """

    def __init__(self, function: Callable[[Image], Any]) -> None:
        self.function = function

    def people(self, frame: Image) -> People:
        """What the function says, checked."""
        answer = self.function(frame)
        if isinstance(answer, People):
            return answer
        return people_of_boxes(answer, frame.size_hw, where=f'the boxes of {frame.name}')


def image_ids_of(locator: Locator) -> Callable[[str, str], int | None] | None:
    """Ids of images in the file that people come from, None without one.

    Args:
        locator (Callable): As :func:`make_locator` gives it.
    """
    if isinstance(locator, WithFallback):
        locator = locator.locator
    source = getattr(locator, 'source', None)
    return source.find_id if isinstance(source, PeopleFile) else None


class WithFallback:
    """Another locator, and what an image is in which it finds nobody.

    Args:
        locator (Callable): The other one.
        fallback (str): 'image' takes the whole image for a person, as the reference's demos do;
            'none' nobody.

    Raises:
        ValueError: If ``fallback`` is neither.
    """

    def __init__(self, locator: Locator, fallback: str) -> None:
        if fallback not in FALLBACKS:
            raise ValueError(f'`fallback` must be one of {FALLBACKS}, but got {fallback!r}')
        self.locator = locator
        self.fallback = fallback

    def __call__(self, frames: Sequence[Image]) -> list[People]:
        """People of each image."""
        found = self.locator(frames)
        if self.fallback == 'none':
            return found
        return [
            people if len(people) else People.whole_image(frame.size_hw)
            for people, frame in zip(found, frames)
        ]


def make_locator(people: Any, detector: Callable[[], Locator]) -> tuple[Locator, str]:
    """Who finds people, and how that is called in a manifest.

    Args:
        people (Any): 'detect'; 'image'; a COCO file or detections as :class:`PeopleFile` reads
            them; boxes (N, 4) for every image, or a mapping of them by image; a function of a
            frame; or something with a method ``people``.
        detector (Callable): Makes the detector, if it is needed.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If it is none of these.
    """
    if isinstance(people, str) and people in (DETECT, IMAGE):
        return (detector() if people == DETECT else whole_images), people
    if isinstance(people, (str, os.PathLike)):
        path = os.path.expanduser(os.fspath(people))
        if not path.endswith('.json') and not os.path.exists(path):
            raise FileNotFoundError(
                f"`people` must be '{DETECT}', '{IMAGE}' or a file of boxes, "
                f'but got {people!r}, and there is no such file'
            )
        people = PeopleFile(path)
    if isinstance(people, (Mapping, list, tuple, np.ndarray)):
        people = CallerPeople(people)
    if hasattr(people, 'people'):
        name = getattr(people, 'identity', type(people).__name__)
        return KnownPeople(people), name
    if callable(people):
        return KnownPeople(AskedPeople(people)), 'function'
    raise TypeError(
        f"`people` must be '{DETECT}', '{IMAGE}', a file, boxes or a "
        f'function, but got {type(people).__name__}'
    )
