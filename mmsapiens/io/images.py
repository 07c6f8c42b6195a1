"""Files of images, and arrays of any kind, as BGR, uint8 (H, W, 3).

Pillow reads the header, so that the size is known before anything is decoded. Ordinary JPEG and PNG
files are decoded by OpenCV, as in training; Pillow decodes all others. Color profiles are ignored,
as in training.
"""

import io
import os
import threading
import zlib
from contextlib import suppress
from importlib import import_module

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..core.errors import ReadError
from ..core.file_type import LFS_START
from .read_options import DEFAULTS, ReadOptions

with suppress(ImportError):  # HEIC, if its decoder is installed
    import_module('pillow_heif').register_heif_opener()

_OPENCV_MODES = {'JPEG': ('L', 'RGB'), 'MPO': ('L', 'RGB'), 'PNG': ('L', 'RGB', 'I', 'I;16')}
"""Format -> modes of Pillow that OpenCV decodes."""
_ENDS = {b'\xff\xd8': ('JPEG', b'\xff\xda', b'\xff\xd9'), b'\x89PNG': ('PNG', b'IDAT', b'IEND')}
"""Start of a file -> format, mark in front of its pixels, mark after them."""
_TAIL = 16
"""Bytes at the end of a whole file that hold its last mark."""
_HEIC_BRANDS = (b'heic', b'heix', b'mif1', b'msf1', b'hevc')
_FOREIGN = {
    **dict.fromkeys((b'\xff\x0a', b'\0\0\0\x0cJXL '), 'JPEG XL has no decoder here'),
    b'\xff\xd8\xff': 'it is a JPEG of 12 bits or without loss, or its header is damaged',
    b'II*\0': 'it is a TIFF of floating point colors, or of another kind without a decoder here',
    b'MM\0*': 'it is a TIFF of floating point colors, or of another kind without a decoder here',
    b'II\xbc': 'JPEG XR has no decoder here',
    b'v/1\x01': 'it is an EXR, whose light is linear',
    b'#?RADIANCE': 'it is a Radiance HDR, whose light is linear',
    b'P7': 'it is a PAM of NetPBM',
    b'PF': 'it is a PFM, floating point numbers',
    b'\x93NUMPY': 'it is an array of numpy',
    b'\x1f\x8b': 'it is a gzip archive',
    b'PK\x03\x04': 'it is a zip archive',
    b'%PDF': 'it is a PDF',
}
"""Start of a file -> what it is, for files that are whole and yet not read."""
_ORIENTATION = 0x0112
"""Tag of EXIF; from 5 on, width and height are exchanged."""
_OPEN_LOCK = threading.Lock()
AGAIN = 'Copy or export it again.'


def decode_image(
    content: bytes, source: str, options: ReadOptions = DEFAULTS, *, upright: bool = True
) -> NDArray:
    """Decode the first frame of a file, ``upright`` or as stored, or a ReadError."""
    if not content:
        raise ReadError(f'{source} is an empty file. {AGAIN}')
    header = open_header(content, source)
    width, height = header.size
    if width * height > options.max_pixels:
        limit = f'more than `max_pixels` ({options.max_pixels})'
        remedy = 'Make it smaller, or raise the limit if you trust the file.'
        raise ReadError(f'{source} has {width} x {height} pixels, {limit}. {remedy}')
    is_opaque = not header.has_transparency_data  # OpenCV forgets that a color is transparent
    if is_opaque and header.mode in _OPENCV_MODES.get(header.format or '', ()):
        return _decode_opencv(content, header, source, options, upright)
    return image_to_bgr(header, source, options, upright=upright)


def cut_format(content: bytes) -> str | None:
    """The format of a file of which OpenCV would decode the beginning only; None if it is whole."""
    tail = content[-_TAIL:]
    for start, (name, data_mark, end_mark) in _ENDS.items():
        if end_mark in tail and data_mark not in tail:
            continue  # nearly always: no need to search the whole file
        # The marks cannot occur among the pixels, but in what some cameras append to them. A
        # preview in the header has an end of its own, but before the last data mark.
        if content.startswith(start) and content.rfind(end_mark) < content.rfind(data_mark):
            return name
    return None


def open_header(content: bytes, source: str) -> Image.Image:
    """The header of a file, nothing decoded, as an image of Pillow; without its limit of pixels.

    ``source`` is its path or URL, for a ReadError if it is no image.
    """
    try:
        with _OPEN_LOCK:
            limit = Image.MAX_IMAGE_PIXELS
            Image.MAX_IMAGE_PIXELS = None  # ours has a message of its own
            try:
                return Image.open(io.BytesIO(content))
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except UnidentifiedImageError:
        mended = _mended_png(content) if content.startswith(b'\x89PNG') else content
        if mended != content:
            return open_header(mended, source)
        reason = _foreign_reason(content)
    # Damaged headers end in whatever the parsers of Pillow meet.
    except Exception as error:
        reason = f'its header is damaged ({error}). {AGAIN}'
    raise ReadError(f'{source} cannot be decoded: {reason}')


def upright_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height of the upright image of a file, by its header.

    Damaged headers are errors of many types, SyntaxError and struct.error too.
    """
    with Image.open(path) as opened:
        is_turned = opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        is_turned &= opened.format != 'TIFF'  # whose size is that of the upright image
        return opened.size[::-1] if is_turned else opened.size


def _mended_png(content: bytes) -> bytes:
    """A PNG without comments and the like whose checksum is wrong, for which Pillow refuses it."""
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        part = content[at : at + 12 + int.from_bytes(content[at : at + 4], 'big')]
        is_right = zlib.crc32(part[4:-4]) == int.from_bytes(part[-4:], 'big')
        if is_right or part[4:5].isupper():
            parts.append(part)
        at += len(part)
    return b''.join(parts)


def _foreign_reason(content: bytes) -> str:
    """Why Pillow does not know a file."""
    if content[4:8] == b'ftyp' and content[8:12] in _HEIC_BRANDS:
        remedy = 'Install one (`pip install pillow-heif`), or export the image as JPEG.'
        return f'HEIC needs a decoder. {remedy}'
    for start, what in _FOREIGN.items():
        if content.startswith(start):
            return f'{what}. Export the image as PNG or JPEG.'
    if content.startswith(LFS_START):
        remedy = 'Fetch the files with `git lfs pull`.'
        return f'it is a pointer of Git LFS instead of the image. {remedy}'
    if content.lstrip()[:5].lower() in (b'<?xml', b'<svg ', b'<html', b'<!doc'):
        return 'it is a text or drawing, not an image of pixels.'
    return f'it is damaged or no image (it starts with {content[:16]!r}). {AGAIN}'


def _decode_opencv(
    content: bytes, header: Image.Image, source: str, options: ReadOptions, upright: bool
) -> NDArray:
    if cut_format(content):  # OpenCV fills what is missing of a JPEG with gray
        _load(header, source)
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    if not upright:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        array = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise ReadError(f'{source} cannot be decoded: {error}') from error
    if array is None:
        raise ReadError(f'{source} is damaged. {AGAIN}')
    return array_to_bgr(array, source, alpha_background=options.alpha_background)


def _load(image: Image.Image, source: str) -> None:
    """Decode by Pillow, which refuses what was cut short."""
    try:
        image.load()
    # The decoders of Pillow raise errors of many kinds.
    except Exception as error:
        raise ReadError(f'{source} was cut short or is damaged ({error}). {AGAIN}') from error


def image_to_bgr(
    image: Image.Image, source: str, options: ReadOptions = DEFAULTS, *, upright: bool = True
) -> NDArray:
    """An image of Pillow, of any mode, as BGR, uint8 (H, W, 3), turned as its EXIF says."""
    _load(image, source)
    if upright:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith('I;16'):
        array = np.asarray(image).astype(np.uint16)
        if isinstance(clear := image.info.get('transparency'), int):
            opacity: NDArray = np.where(array == clear, 0, 65535).astype(np.uint16)
            array = np.stack([array, array, array, opacity], axis=-1)
    elif image.mode in ('I', 'F'):
        array = np.asarray(image)
        if image.mode == 'I' and 255 < array.max() < 65536:
            array = array.astype(np.uint16)
    else:
        array = np.asarray(image.convert('RGBA' if image.has_transparency_data else 'RGB'))
    return array_to_bgr(
        array, source, channel_order='rgb', alpha_background=options.alpha_background
    )


def _to_uint8(values: NDArray, source: str) -> NDArray:
    """Numbers as 0 to 255: floats are [0, 1] if none is above 1, else as other integers."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype.kind not in 'iuf':
        raise ReadError(f'{source} must hold numbers, but its type is {values.dtype}')
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if not (low >= 0 and high <= 255):  # also if NaN
        text = f'{source} has values from {low} to {high} of type {values.dtype}'
        raise ReadError(f'{text}, but an image has [0, 1] or [0, 255]. Scale it first.')
    if values.dtype.kind == 'f':
        values = (values * (255 if high <= 1 else 1) + 0.5).clip(0, 255)
    return values.astype(np.uint8)


def array_to_bgr(
    array: NDArray,
    source: str,
    *,
    channel_order: str = 'bgr',
    alpha_background: tuple[int, int, int] = DEFAULTS.alpha_background,
) -> NDArray:
    """An array, (H, W) or (H, W, C) with 1, 3 or 4 channels, as BGR, uint8 (H, W, 3), contiguous;
    ``alpha_background`` is the RGB behind transparent pixels.
    """
    gray = array[..., None] if array.ndim == 2 else array
    if gray.ndim != 3 or gray.shape[-1] not in (1, 3, 4) or not gray.size:
        hint = ''
        if array.ndim == 3 and array.shape[0] in (1, 3):
            hint = ' It seems to have its channels first: transpose it.'
        shapes = '(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)'
        raise ReadError(f'{source} must have the shape {shapes}, but got {array.shape}.{hint}')
    pixels = _to_uint8(gray, source)
    if pixels.shape[-1] == 1:
        return np.ascontiguousarray(np.repeat(pixels, 3, axis=-1))
    colors = pixels[..., :3]
    if channel_order == 'rgb':
        colors = colors[..., ::-1]
    if pixels.shape[-1] == 4:
        behind = np.array(alpha_background[::-1], dtype=np.float32)
        opacity = pixels[..., 3:].astype(np.float32) / 255
        mixed = colors * opacity + behind * (1 - opacity)
        colors = (mixed + 0.5).astype(np.uint8)
    return np.ascontiguousarray(colors)
