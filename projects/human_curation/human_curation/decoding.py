"""Pixels, decoded once for all checks and small."""

from __future__ import annotations

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from mmsapiens.core.errors import ReadError
from mmsapiens.io.images import decode_image
from mmsapiens.io.read_options import ReadOptions

from .header import Header

_REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}
_GRAY = 128
"""What a decoder makes of pixels that are missing."""
_MARKER = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]')
"""Of a JPEG, but for those among its pixels."""
_END = 0xD9
_MORE = bytes([0x5A]) * 64
"""Taken for further pixels where some are missing."""
_UNLIMITED = ReadOptions(max_pixels=1 << 62)  # the check `pixels` has the limit


def decode_small(content: bytes, header: Header, least: int) -> NDArray:
    """Decode a file upright as RGB, uint8 (H, W, 3), no larger than needed.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where the shorter side keeps ``least`` pixels;
    other files are decoded and then made smaller, so that a batch of them is small.

    Raises:
        ReadError: If it is damaged.
    """
    divisor = next((d for d in _REDUCED if header.shorter // d >= least), 1)
    if header.format in ('JPEG', 'MPO') and header.mode in ('L', 'RGB'):
        flag = _REDUCED.get(divisor, cv2.IMREAD_COLOR)
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
        except cv2.error as error:
            raise ReadError(f'it cannot be decoded: {error}') from error
        if image is None:
            raise ReadError('it cannot be decoded')
        if _ends_early(content, image, flag, header):
            raise ReadError('the file was cut short: its last part is gray')
    else:
        image = decode_image(content, 'the file', _UNLIMITED)
        if divisor > 1:
            size = (-(-image.shape[1] // divisor), -(-image.shape[0] // divisor))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def _ends_early(content: bytes, image: NDArray, flag: int, header: Header) -> bool:
    """Whether a JPEG that was cut has an end all the same, so that decoders say nothing.

    A few bytes are put in front of the end, and the file is decoded again. They are no part of a
    whole image, which stays as it is. That is needed only of progressive files, and where a corner
    is gray, as the last pixels are if some are missing.
    """
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]  # orientations turn the last one
    if not header.is_progressive and not (corners == _GRAY).all(axis=1).any():
        return False
    end = _end_of(content)
    longer = np.frombuffer(content[:end] + _MORE + content[end:], np.uint8)
    again = cv2.imdecode(longer, flag)
    return again is None or not np.array_equal(image, again)


def _end_of(content: bytes) -> int:
    """First byte of the end of a JPEG; previews in its header have ends of their own."""
    at = 2
    while (found := _MARKER.search(content, at)) is not None:
        at = found.start()
        if content[at + 1] == _END:
            return at
        at += 2 + int.from_bytes(content[at + 2 : at + 4], 'big')
    return len(content)
