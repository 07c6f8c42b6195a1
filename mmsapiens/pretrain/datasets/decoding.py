"""Decoding of images, no larger than needed."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from ...core.errors import BadSampleError
from ...transforms.load_checked_image import check_is_whole

REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}
"""Divisor of both sides -> OpenCV's flag, the largest divisor first."""


def choose_flag(content: bytes, min_size: int | None) -> int:
    """How to decode a file so that both sides keep ``min_size`` pixels.

    Only a JPEG decodes faster when it is reduced: its blocks of 8x8 frequencies are turned into
    fewer pixels.

    Args:
        content (bytes): The file.
        min_size (int, optional): Shorter side needed, in pixels.

    Returns:
        int: Flag of ``cv2.imdecode``.
    """
    if min_size is None or not content.startswith(b'\xff\xd8'):
        return cv2.IMREAD_COLOR
    try:
        with Image.open(BytesIO(content)) as image:  # reads the header only
            shorter = min(image.size)
    except (OSError, ValueError, Image.DecompressionBombError):
        return cv2.IMREAD_COLOR
    for divisor, flag in REDUCED.items():
        if shorter // divisor >= min_size:
            return flag
    return cv2.IMREAD_COLOR


def decode_image(name: str, content: bytes, min_size: int | None = None) -> np.ndarray:
    """Decode an image file.

    Args:
        name (str): For messages.
        content (bytes): The file.
        min_size (int, optional): A larger JPEG may be decoded to an 1/2, 1/4 or 1/8 of its size,
            but its shorter side keeps at least as many pixels. Defaults to None, full size.

    Returns:
        np.ndarray: BGR uint8 (H, W, 3), turned as its EXIF tag says.

    Raises:
        BadSampleError: If the file is empty, cut short, or no image.
    """
    check_is_whole(name, content)
    buffer = np.frombuffer(content, dtype=np.uint8)
    try:
        img = cv2.imdecode(buffer, choose_flag(content, min_size))
    except cv2.error as error:
        raise BadSampleError(f'the image {name} cannot be decoded: {error}') from None
    if img is None:
        raise BadSampleError(
            f'the image {name} cannot be decoded: it is damaged or no image '
            f'(it starts with {content[:16]!r})'
        )
    return img
