"""Faults of the images of an annotation file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from .faults import Finding, show, to_float

_ORIENTATION = 0x0112  # EXIF tag; from 5 on, width and height are exchanged


@dataclass(frozen=True)
class ImageFolder:
    """Where the images are.

    Attributes:
        path (str): The folder that ``file_name`` starts from.
        with_size (bool): Whether to compare the size of each image; reads the first bytes of all
            of them. Defaults to True.
    """

    path: str
    with_size: bool = True


def image_size_wh(image: dict) -> tuple[float, float] | None:
    """Annotated width and height, None if they cannot be used.

    Args:
        image (dict): An entry of ``images``.
    """
    width, height = to_float(image.get('width')), to_float(image.get('height'))
    is_usable = 0 < width < float('inf') and 0 < height < float('inf')
    return (width, height) if is_usable else None


def check_image(image: dict, folder: ImageFolder | None) -> Iterator[Finding]:
    """Find the faults of an image.

    Args:
        image (dict): An entry of ``images``.
        folder (ImageFolder, optional): Where the images are. If None, they are not looked at.

    Yields:
        Finding: Kind and message.
    """
    size_wh = image_size_wh(image)
    if size_wh is None:
        yield (
            'image_without_size',
            '`width` and `height` must be positive numbers, but got '
            f'{show(image.get("width"))} and {show(image.get("height"))}',
        )
    name = image.get('file_name')
    if not isinstance(name, str) or not name:
        yield (
            'image_without_name',
            f'`file_name` must be the name of a file, but got {show(name)}',
        )
    elif folder is not None:
        yield from _check_file(name, size_wh, folder)


def _check_file(
    name: str, size_wh: tuple[float, float] | None, folder: ImageFolder
) -> Iterator[Finding]:
    path = os.path.join(folder.path, name)
    if not os.path.isfile(path):
        yield 'missing_image', f'{path!r} does not exist'
        return
    if not folder.with_size:
        return
    try:
        found = read_size_wh(path)
    # PIL raises errors of many types on damaged headers, SyntaxError and struct.error among them.
    except Exception as error:
        yield 'unreadable_image', f'{path!r} cannot be read: {error}'
        return
    if size_wh is not None and found != size_wh:
        yield (
            'wrong_image_size',
            f'{path!r} has width and height {found}, but `width` and `height` '
            f'are {size_wh[0]:g} and {size_wh[1]:g}',
        )


def read_size_wh(path: str) -> tuple[int, int]:
    """Width and height of an image as OpenCV loads it.

    Args:
        path (str): The file, of which only the header is read.
    """
    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            return height, width
    return width, height
