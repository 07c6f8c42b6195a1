"""Dense maps as the content of npy, npz, png and exr files."""

import io
import json
import math
import re
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import putchunk

from ..core.errors import BadSampleError
from ..structures.fields import Field

DAMAGED = 'Copy it again, or take it out of the dataset.'
PNG_START = b'\x89PNG\r\n\x1a\n'
PNG_END = b'IEND\xaeB`\x82'
HEADER_END = len(PNG_START) + 25
"""Where the first chunk of a PNG file ends, always."""
KEYWORD = 'mmsapiens'
"""Of the tEXt chunk with the field and the scaling, as JSON."""
UINT16_MAX = 65535
ORIENTATION = 0x0112
"""Tag of EXIF."""
_TURNS = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}
"""Orientation -> whether rows become columns, and then the steps through rows and columns."""


def decode_numpy(path: str | Path, file: BinaryIO, field: Field) -> np.ndarray:
    """The array of an npy file, or the one of an npz file that is meant."""
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        names = loaded.files
        words = {field.name, *field.name.split('_')} - {'map'}
        fits = names if len(names) == 1 else [n for n in names if n.lower().rstrip('s') in words]
        array = loaded[fits[0]] if len(fits) == 1 else None
    # A damaged header ends in whatever numpy's or zipfile's parsers meet.
    except Exception as error:
        raise BadSampleError(
            f'{path} is no whole npy or npz file of numbers; pickled objects '
            f'are never loaded. {DAMAGED} The reason: {error}',
            'pickled_map' if 'Object arrays' in str(error) else '',
        ) from error
    if not isinstance(array, np.ndarray):
        text = f'{path} must hold one array, or one named {field.name!r}'
        raise BadSampleError(f'{text}, but it holds {names}')
    return array


def decode_plain(path: str | Path, content: bytes) -> np.ndarray:
    """Stored numbers of a TIFF, PGM, PPM, BMP or PFM file, (H, W) or (H, W, C) with R, G, B."""
    header = re.match(rb'P([fF])\s+(\d+)\s+(\d+)\s+([-+.\deE]+)\s', content)
    if header:  # OpenCV divides by the scale, of which only the sign counts
        shape = int(header[3]), int(header[2]), 3 if header[1] == b'F' else 1
        numbers = content[header.end() :][: 4 * math.prod(shape)]
        if len(numbers) < 4 * math.prod(shape):
            raise BadSampleError(f'{path} was cut short. {DAMAGED}')
        kind = '<f4' if float(header[4]) < 0 else '>f4'
        return np.frombuffer(numbers, kind).reshape(shape)[::-1]
    try:
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        stored = None
    if stored is None:
        raise BadSampleError(f'{path} cannot be decoded. Store the map as png, npy or exr.')
    if stored.ndim == 3:
        stored[..., :3] = stored[..., 2::-1].copy()
    return stored


def encode_numpy(path: Path, array: np.ndarray, field: Field) -> bytes:
    """The content of an npy file, or of an npz file with one array that is named as the field."""
    buffer = io.BytesIO()
    if path.suffix == '.npy':
        np.save(buffer, array, allow_pickle=False)
    else:
        np.savez_compressed(buffer, **{field.name: array})  # type: ignore[arg-type]
    return buffer.getvalue()


def decode_png(
    path: str | Path, content: bytes, field: Field, is_listed: bool
) -> tuple[np.ndarray, dict[str, Any]]:
    """The numbers in a PNG as stored, (H, W) or (H, W, C), and our notes with their scaling.

    With ``is_listed`` the colors of a palette count, not the indices.
    """
    if PNG_END not in content or len(content) < HEADER_END:
        raise BadSampleError(f'{path} was cut short: it has no end of a PNG file. {DAMAGED}')
    depth, color = content[24], content[25]
    if color == 0 and depth in (2, 4):
        reason = f'a gray PNG of {depth} bits, which programs read as different numbers'
        raise BadSampleError(f'{path} is {reason}. Store it with 8 bits.')
    try:
        with Image.open(io.BytesIO(content)) as image:
            text = image.info.get(KEYWORD)
            image.verify()  # the checksums
        pixels: np.ndarray | None
        if depth < 16:
            pixels = _pixels(Image.open(io.BytesIO(content)), field, is_listed)
        else:  # Pillow has no colors of 16 bits.
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, SyntaxError, ValueError, cv2.error, Image.DecompressionBombError) as error:
        reason = f'it is damaged or was cut short. {DAMAGED} The reason: {error}'
        raise BadSampleError(f'{path} cannot be decoded as PNG: {reason}') from error
    if pixels is None:
        raise BadSampleError(f'{path} cannot be decoded as PNG. {DAMAGED}')
    if depth == 16 and pixels.ndim == 3:  # B, G, R and perhaps the opacity
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if b'eXIf' in content:
        pixels = _upright(path, pixels, Image.open(io.BytesIO(content)).getexif(), field)
    notes = {} if text is None else _read_notes(path, text)
    if notes.get('field', field.name) != field.name:
        kinds = f'written as a {notes["field"]}, but is read as a {field.name}'
        raise BadSampleError(f'{path} was {kinds}. Check the folders of the dataset.')
    if field.dtype != 'uint8' and pixels.dtype.kind != 'u':
        wanted = f'a PNG of 8 or 16 bits to hold a {field.name}'
        raise BadSampleError(f'{path} must be {wanted}, but it has 1 bit')
    return pixels, notes


def _upright(path: str | Path, pixels: np.ndarray, exif: Image.Exif, field: Field) -> np.ndarray:
    """Pixels turned as EXIF says, as those of images are."""
    orientation = exif.get(ORIENTATION, 1)
    if orientation not in _TURNS:
        return pixels
    if field.is_vector:
        raise BadSampleError(
            f'{path} is turned by its EXIF orientation ({orientation}), and its vectors may be or '
            'not. Store it upright.'
        )
    is_turned, down, right = _TURNS[orientation]
    return (pixels.swapaxes(0, 1) if is_turned else pixels)[::down, ::right]


def _pixels(image: Image.Image, field: Field, is_listed: bool) -> np.ndarray:
    """Pixels of 8 bits; of a palette the indices where these are meant, else the colors."""
    if image.mode != 'P':
        return np.asarray(image)
    by_color = is_listed or field.dtype != 'uint8'
    if field.is_labels and not is_listed and _has_numbers(image):
        return np.asarray(image.convert('L'))
    if not field.is_labels and not by_color:
        palette = np.array(image.getpalette('RGB')).reshape(-1, 3)
        used = palette[np.unique(np.asarray(image))]
        by_color = 'transparency' in image.info or (palette[0].any() and not used.any(axis=1).all())
    if by_color:
        image = image.convert('RGBA' if 'transparency' in image.info else 'RGB')
    return np.asarray(image)


def _has_numbers(image: Image.Image) -> bool:
    """Whether a palette has the numbers in it, as of a gray image that oxipng made smaller.

    It has then no entry but those in use, all gray, and is no even ramp, chosen to be looked at.
    """
    palette = np.array(image.getpalette('RGB')).reshape(-1, 3)
    used, grays = np.unique(np.asarray(image)), palette[:, 0]
    is_packed = len(used) == len(palette) and (palette == grays[:, None]).all()
    ramp = np.linspace(0, 255, len(grays))
    return bool(
        is_packed and np.abs(grays - ramp).max() > 1 and np.abs(grays[::-1] - ramp).max() > 1
    )


def _read_notes(path: str | Path, text: str) -> dict[str, Any]:
    try:
        notes = json.loads(text)
        scaling = float(notes.get('scale', 1)), float(notes.get('offset', 0))
    except (ValueError, TypeError, AttributeError):
        scaling = (0.0, 0.0)
    if not scaling[0] > 0:
        wanted = 'JSON with `field`, `scale` above 0 and `offset`'
        got = f'but it is {text[:80]!r}'
        raise BadSampleError(f'the chunk {KEYWORD!r} of {path} must be {wanted}, {got}')
    return notes


def decode_vectors(stored: np.ndarray) -> np.ndarray:
    """Vectors from the channels of a PNG (H, W, C), float64."""
    values = stored / np.iinfo(stored.dtype).max * 2 - 1
    if stored.ndim == 3:  # no unit vector is black
        values[(stored == 0).all(axis=-1)] = 0
    return values


def encode_png(
    path: Path, array: np.ndarray, field: Field, scale: float | None, offset: float | None
) -> bytes:
    """The content of a PNG file, as :func:`~mmsapiens.io.map_io.write_map` describes it."""
    notes: dict[str, Any] = dict(field=field.name)
    if field.dtype == 'uint8':
        stored = array if field.is_labels else array * np.uint8(255)
    elif field.is_vector:
        stored = _encode_vectors(path, array)
    else:
        if field.is_share and field.fill >= 0 and scale is None and offset is None:
            scale = 1 / UINT16_MAX  # as any program reads it
        stored, notes['scale'], notes['offset'] = _encode_numbers(path, array, scale, offset)
    if stored.ndim == 3:
        order = [2, 1, 0, 3][: stored.shape[2]]  # as OpenCV writes
        stored = np.ascontiguousarray(stored[..., order])
    content = cv2.imencode('.png', stored)[1].tobytes()
    chunk = io.BytesIO()  # Pillow, which writes notes, has no colors of 16 bits
    putchunk(chunk, b'tEXt', f'{KEYWORD}\0{json.dumps(notes)}'.encode('latin-1'))
    return content[:HEADER_END] + chunk.getvalue() + content[HEADER_END:]


def _encode_vectors(path: Path, array: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(array, axis=-1)
    if (longest := length.max()) > 1.01:
        text = f'the vectors for {path} must not be longer than 1'
        raise BadSampleError(f'{text}, but one has the length {longest:.4g}')
    stored = (array.astype(np.float64) + 1) / 2 * UINT16_MAX
    stored = np.rint(stored).clip(0, UINT16_MAX).astype(np.uint16)
    stored[length == 0] = 0
    return stored


def _encode_numbers(
    path: Path, array: np.ndarray, scale: float | None, offset: float | None
) -> tuple[np.ndarray, float, float]:
    values: np.ndarray = array.astype(np.float64)
    if scale is None:
        offset = float(values.min()) if offset is None else float(offset)
        scale = float(values.max() - offset) / UINT16_MAX or 1.0
    offset = float(offset or 0.0)
    if not scale > 0:
        raise ValueError(f'`scale` must be positive, but got {scale}')
    stored = np.rint((values - offset) / scale)
    if stored.min() < 0 or stored.max() > UINT16_MAX:
        held = f'{offset} to {offset + scale * UINT16_MAX}'
        raise ValueError(
            f'with `scale` {scale} and `offset` {offset}, 16 bits hold values from {held}, but for '
            f'{path} they go from {values.min()} to {values.max()}: choose others, npy or exr'
        )
    return stored.astype(np.uint16), float(scale), offset
