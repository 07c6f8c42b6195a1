"""What the header of a file says: nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from mmsapiens.core.errors import ReadError
from mmsapiens.io.images import cut_format, open_header

HEAD = 1 << 16
"""Bytes at the start of a file that are searched for marks."""
OPT_OUT = (b'DMI-PROHIBITED',)
"""Of XMP's ``plus:DataMining``: the owner prohibits mining or training, with or without terms."""
GENERATED = (b'trainedAlgorithmicMedia', b'compositeWithTrainedAlgorithmicMedia')
"""Of IPTC's ``digitalSourceType``: all or parts were made by a model."""
ORIENTATION = 274
LYING = 5
"""From this orientation of EXIF on width and height are exchanged."""


@dataclass(frozen=True)
class Header:
    """Facts of a file; ``width`` and ``height`` are those of the upright image in pixels."""

    format: str
    mode: str
    width: int
    height: int
    has_opt_out: bool
    is_generated: bool
    is_progressive: bool

    @property
    def shorter(self) -> int:
        """The shorter side in pixels."""
        return min(self.width, self.height)


def read_header(content: bytes) -> Header:
    """Read the header of a file.

    Raises:
        ReadError: If it is empty, cut short, damaged, or no image.
    """
    if not content:
        raise ReadError('an empty file')
    with open_header(content, 'the file') as image:
        width, height = image.size
        if _orientation(image) >= LYING:
            width, height = height, width
        name, mode = image.format or '', image.mode
        is_progressive = 'progressive' in image.info
    if cut_format(content):
        raise ReadError('the file was cut short')
    head = content[:HEAD]
    return Header(
        name,
        mode,
        width,
        height,
        any(mark in head for mark in OPT_OUT),
        any(mark in head for mark in GENERATED),
        is_progressive,
    )


def _orientation(image: Image.Image) -> int:
    # Pillow would decode a PNG to find EXIF behind its pixels.
    if image.format == 'PNG' and not {'exif', 'Raw profile type exif'} & image.info.keys():
        return 1
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF ends in whatever the parser of Pillow meets
        return 1
    return value if isinstance(value, int) else 1
