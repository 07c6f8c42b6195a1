"""Dense maps as PNG, with the scaling of their numbers in the file."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..core.errors import BadSampleError
from ..structures.fields import Field
from .map_checks import DAMAGED

PNG_START = b'\x89PNG\r\n\x1a\n'
KEYWORD = b'mmsapiens'
"""Keyword of the tEXt chunk with the field and the scaling, as JSON."""

UINT16_MAX = 65535


def _png_chunks(path: str | Path, content: bytes) -> Iterator[tuple]:
    """Name and content of each chunk, checked; they end with IEND."""
    start, name = len(PNG_START), b''
    while name != b'IEND':
        length = int.from_bytes(content[start : start + 4], 'big')
        name = content[start + 4 : start + 8]
        end = start + 8 + length
        checksum = int.from_bytes(content[end : end + 4], 'big')
        if end + 4 > len(content):
            raise BadSampleError(
                f'{path} was cut short: its {len(content)} bytes lack the end '
                f'of a PNG file. {DAMAGED}'
            )
        if zlib.crc32(content[start + 4 : end]) != checksum:
            raise BadSampleError(
                f'{path} is damaged: a checksum of its PNG data is wrong. {DAMAGED}'
            )
        yield name, content[start + 8 : end]
        start = end + 4


def _decode(path: str | Path, content: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Stored numbers, (H, W) or (H, W, C) with R, G, B, and our notes."""
    chunks = list(_png_chunks(path, content))
    if chunks[0][0] != b'IHDR' or len(chunks[0][1]) != 13:
        raise BadSampleError(f'{path} has no PNG header. {DAMAGED}')
    notes: dict[str, Any] = {}
    for name, data in chunks:
        keyword, _, text = data.partition(b'\0')
        if name == b'tEXt' and keyword == KEYWORD:
            notes = _read_notes(path, text)
    depth, color = chunks[0][1][8:10]
    if color == 0 and depth in (2, 4):
        raise BadSampleError(
            f'{path} is a gray PNG of {depth} bits, which programs read as '
            'different numbers. Store it with 8 bits.'
        )
    try:
        if depth < 16:
            return np.asarray(Image.open(io.BytesIO(content))), notes
        # Pillow has no colors of 16 bits.
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, SyntaxError, ValueError, cv2.error, Image.DecompressionBombError) as error:
        raise BadSampleError(
            f'{path} cannot be decoded as PNG. {DAMAGED} The reason: {error}'
        ) from error
    if pixels is None:
        raise BadSampleError(f'{path} cannot be decoded as PNG. {DAMAGED}')
    if pixels.ndim == 3:  # B, G, R and perhaps the opacity
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels, notes


def _read_notes(path: str | Path, text: bytes) -> dict[str, Any]:
    try:
        notes = json.loads(text)
        scaling = float(notes.get('scale', 1)), float(notes.get('offset', 0))
    except (ValueError, TypeError, AttributeError):
        scaling = (0.0, 0.0)
    if not scaling[0] > 0:
        raise BadSampleError(
            f'the chunk {KEYWORD.decode()!r} of {path} must be JSON with '
            f'`field`, `scale` above 0 and `offset`, but it is {text[:80]!r}'
        )
    return notes


def decode_png(
    path: str | Path, content: bytes, field: Field, scale: float | None, offset: float
) -> np.ndarray:
    """The map in a PNG file.

    Args:
        path (str | Path): Its name, for messages.
        content (bytes): The file.
        field (Field): What it shows.
        scale (float, optional): value = stored * scale + offset, for numbers in a file that does
            not hold its own scaling; None is 1.
        offset (float): See ``scale``.

    Returns:
        np.ndarray: Labels or a mask as stored (of a mask in color, the first channel), or numbers
        or vectors in float64; (H, W) or (H, W, C).

    Raises:
        BadSampleError: If the file is damaged, cut short, was written for another field, or has too
            few bits.
    """
    stored, notes = _decode(path, content)
    if notes.get('field', field.name) != field.name:
        raise BadSampleError(
            f'{path} was written as a {notes["field"]}, but is read as a '
            f'{field.name}. Check the folders of the dataset.'
        )
    if field.dtype == 'uint8':
        is_mask = not field.is_labels
        return stored[..., 0] if is_mask and stored.ndim == 3 else stored
    if stored.dtype.kind != 'u':
        raise BadSampleError(
            f'{path} must be a PNG of 8 or 16 bits to hold a {field.name}, but it has 1 bit'
        )
    if field.is_vector:
        values = stored / np.iinfo(stored.dtype).max * 2 - 1
        if stored.ndim == 3:  # no unit vector is black
            values[(stored == 0).all(axis=-1)] = 0
        return values
    scale = notes.get('scale', 1.0 if scale is None else scale)
    return stored * float(scale) + float(notes.get('offset', offset))


def encode_png(
    path: Path, array: np.ndarray, field: Field, scale: float | None, offset: float | None
) -> bytes:
    """The content of a PNG file, as :func:`~.map_io.write_map` describes it.

    Args:
        path (Path): Its name, for messages.
        array (np.ndarray): The map, (H, W) or (H, W, C).
        field (Field): What it shows.
        scale (float, optional): Of numbers; None takes the range of values.
        offset (float, optional): Likewise.

    Raises:
        ValueError: If the scaled values do not fit in 16 bits.
        BadSampleError: If a vector is longer than 1.
    """
    notes: dict[str, Any] = dict(field=field.name)
    if field.dtype == 'uint8':
        stored = array if field.is_labels else array * np.uint8(255)
    elif field.is_vector:
        stored = _encode_vectors(path, array)
    else:
        stored, notes['scale'], notes['offset'] = _encode_numbers(path, array, scale, offset)
    if stored.ndim == 3:
        stored = np.ascontiguousarray(stored[..., ::-1])  # OpenCV writes BGR
    _, buffer = cv2.imencode('.png', stored)
    content = buffer.tobytes()
    text = KEYWORD + b'\0' + json.dumps(notes).encode('latin-1')
    chunk = struct.pack('>I', len(text)) + b'tEXt' + text
    chunk += struct.pack('>I', zlib.crc32(chunk[4:]))
    header_end = len(PNG_START) + 25  # the first chunk always has 25 bytes
    return content[:header_end] + chunk + content[header_end:]


def _encode_vectors(path: Path, array: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(array, axis=-1)
    if length.max() > 1.01:
        raise BadSampleError(
            f'the vectors for {path} must not be longer than 1, but '
            f'one has the length {length.max():.4g}'
        )
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
        raise ValueError(
            f'with `scale` {scale} and `offset` {offset}, 16 bits hold values '
            f'from {offset} to {offset + scale * UINT16_MAX}, but those for '
            f'{path} go from {values.min()} to {values.max()}. Choose others, '
            'or write npy or exr.'
        )
    return stored.astype(np.uint16), float(scale), offset
