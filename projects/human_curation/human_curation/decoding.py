"""Pixels, decoded once for all checks and small."""

from __future__ import annotations

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
    else:
        image = decode_image(content, 'the file', _UNLIMITED)
        if divisor > 1:
            size = (-(-image.shape[1] // divisor), -(-image.shape[0] // divisor))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
