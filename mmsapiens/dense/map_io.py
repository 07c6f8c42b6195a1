"""Reading and writing of dense maps: labels, masks, depth, normals.

A file is recognised by its content, never by its name, and is checked before
anything uses it. ``docs/dense_outputs.md`` describes the formats.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine import fileio
from PIL import Image

from ..utils.errors import BadSampleError, MissingFileError
from .fields import Field, get_field

WRITTEN_SUFFIXES = ('.npy', '.npz', '.png', '.exr')
PNG_KEYWORD = 'mmsapiens'
"""Keyword of the tEXt chunk with the scaling, as JSON."""

UINT16_MAX = 65535

_PNG_START = b'\x89PNG\r\n\x1a\n'
_STARTS = {
    b'\x93NUMPY': 'npy',
    b'PK': 'npz',
    _PNG_START: 'png',
    b'v/1\x01': 'exr',
    b'\xff\xd8': 'jpg',
}
_DAMAGED = 'Copy it again, or take it out of the data set.'
_SCALAR_CHANNELS = ('Z', 'Y', 'V', 'depth')
_VECTOR_CHANNELS = (('R', 'G', 'B'), ('X', 'Y', 'Z'))


def read_map(
    path: str | Path,
    field_name: str,
    *,
    scale: float | None = None,
    offset: float = 0.0,
    backend_args: dict | None = None,
) -> np.ndarray:
    """Read one map.

    npy and npz are read as they are; of an npz file with several arrays, the
    one that is named as the field. Labels and masks are also read from 8-bit
    and 16-bit png (of a palette, the indices), numbers and vectors from png
    and exr as :func:`write_map` stores them.

    Args:
        path (str | Path): The file.
        field_name (str): What it shows, a key of ``FIELDS``.
        scale (float, optional): For a png file of numbers that does not hold
            its own scaling: value = stored * scale + offset. Defaults to
            None, the stored numbers, which are an affine unit.
        offset (float): See ``scale``. Defaults to 0.
        backend_args (dict, optional): File backend of mmengine. Defaults to
            None, the local disk.

    Returns:
        np.ndarray: The map in the field's type: (H, W), or (H, W, C) for a
        field of several channels. Labels are ids, a mask is 0 or 1, vectors
        are as stored, neither turned nor scaled to unit length; pixels
        without one are 0.

    Raises:
        KeyError: If the field is unknown.
        MissingFileError: If there is no such file.
        BadSampleError: If the file is empty, cut short, damaged, of another
            format, or holds something that the field cannot be: another
            type or number of channels, NaN, infinity, ids above 255.
    """
    field = get_field(field_name)
    content = _read_file(path, backend_args)
    kind = next((k for s, k in _STARTS.items() if content.startswith(s)), '')
    if kind in ('npy', 'npz'):
        array = _read_numpy(path, content, field)
    elif kind == 'png':
        array = _read_png(path, content, field, scale, offset)
    elif kind == 'exr':
        array = _read_exr(path, content, field)
    elif kind == 'jpg':
        raise BadSampleError(
            f'{path} is a JPEG, whose compression changes the values of a '
            f'{field.name}. Store the map as png, npy or exr.'
        )
    else:
        raise BadSampleError(
            f'{path} must be an npy, npz, png or exr file with a '
            f'{field.name}, but it starts with {content[:16]!r}. {_DAMAGED}'
        )
    return check_map(path, array, field)


def check_map(path: str | Path, array: np.ndarray, field: Field) -> np.ndarray:
    """Check a map and convert it to the type of its field.

    Args:
        path (str | Path): Where it comes from or goes, for the message.
        array (np.ndarray): (H, W), (H, W, 1) or (H, W, C).
        field (Field): What it shows.

    Returns:
        np.ndarray: Of the field's type, (H, W) or (H, W, C).

    Raises:
        BadSampleError: If it is empty, or its shape, type or a value is none
            of the field.
    """
    is_scalar = field.channels == 1
    if is_scalar and array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    shape = '(H, W)' if is_scalar else f'(H, W, {field.channels})'
    if array.ndim != (2 if is_scalar else 3) or (
        not is_scalar and array.shape[2] != field.channels
    ):
        raise BadSampleError(
            f'the {field.name} in {path} must have the shape {shape}, but got '
            f'{array.shape}. Store one map in a file, channels last.'
        )
    if not array.size:
        raise BadSampleError(
            f'the {field.name} in {path} has no pixels: its shape is '
            f'{array.shape}. {_DAMAGED}'
        )
    if field.is_labels:
        return _check_labels(path, array, field)
    is_mask = field.dtype == 'uint8'
    kinds = 'biuf' if is_mask else 'iuf' if is_scalar else 'f'
    if array.dtype.kind not in kinds:
        wanted = 'real numbers' if is_scalar else 'floating point numbers'
        raise BadSampleError(
            f'the {field.name} in {path} must hold {wanted}, but its type is '
            f'{array.dtype}. Store the values themselves, not a picture of '
            'them.'
        )
    with np.errstate(over='ignore'):
        values = array > 0 if is_mask else array.astype(field.dtype)
    bad = ~np.isfinite(array if is_mask else values)
    if bad.any():
        y, x = np.argwhere(bad)[0][:2]
        raise BadSampleError(
            f'the {field.name} in {path} has {int(bad.sum())} values that are '
            f'NaN or infinite, the first at row {y}, column {x}. Pixels '
            'without a target need a finite number; the mask leaves them out.'
        )
    return np.ascontiguousarray(values.astype(field.dtype, copy=False))


def _check_labels(
    path: str | Path, array: np.ndarray, field: Field
) -> np.ndarray:
    if array.dtype.kind not in 'iu':
        raise BadSampleError(
            f'the {field.name} in {path} must hold integers, the class ids, '
            f'but its type is {array.dtype}. A file of bool is a mask; of '
            'float, rather scores than labels.'
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise BadSampleError(
            f'the {field.name} in {path} must hold class ids from 0 to 254 '
            f'and 255 for ignored pixels, but its values go from {low} to '
            f'{high}'
        )
    return np.ascontiguousarray(array.astype(field.dtype))


def _read_file(path: str | Path, backend_args: dict | None) -> bytes:
    try:
        content = fileio.get(str(path), backend_args=backend_args)
    except FileNotFoundError:
        raise MissingFileError(
            f'the map {path} does not exist. Check the path, or `data_root` '
            'and `data_prefix` of the dataset.'
        ) from None
    except OSError as error:
        raise BadSampleError(
            f'the map {path} cannot be read: {error}'
        ) from error
    if not content:
        raise BadSampleError(f'the map {path} is an empty file. {_DAMAGED}')
    return content


def _read_numpy(path: str | Path, content: bytes, field: Field) -> np.ndarray:
    """The array of an npy file, or the one of an npz file that is meant."""
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        names = loaded.files
        name = names[0] if len(names) == 1 else field.name
        array = loaded[name] if name in names else None
    except (
        ValueError,
        OSError,
        EOFError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise BadSampleError(
            f'{path} is no whole npy or npz file of numbers; pickled objects '
            f'are never loaded. {_DAMAGED} The reason: {error}'
        ) from error
    if not isinstance(array, np.ndarray):
        raise BadSampleError(
            f'{path} must hold one array, or one named {field.name!r}, but it '
            f'holds {names}'
        )
    return array


def _png_chunks(path: str | Path, content: bytes) -> Iterator[tuple]:
    """Name and content of each chunk, checked; they end with IEND."""
    start, name = len(_PNG_START), b''
    while name != b'IEND':
        length = int.from_bytes(content[start : start + 4], 'big')
        name = content[start + 4 : start + 8]
        end = start + 8 + length
        checksum = int.from_bytes(content[end : end + 4], 'big')
        if end + 4 > len(content):
            raise BadSampleError(
                f'{path} was cut short: its {len(content)} bytes lack the end '
                f'of a PNG file. {_DAMAGED}'
            )
        if zlib.crc32(content[start + 4 : end]) != checksum:
            raise BadSampleError(
                f'{path} is damaged: a checksum of its PNG data is wrong. '
                f'{_DAMAGED}'
            )
        yield name, content[start + 8 : end]
        start = end + 4


def _decode_png(
    path: str | Path, content: bytes
) -> tuple[np.ndarray, dict[str, Any]]:
    """Stored numbers, (H, W) or (H, W, C) with R, G, B, and our notes."""
    chunks = list(_png_chunks(path, content))
    notes: dict[str, Any] = {}
    for name, data in chunks:
        keyword, _, text = data.partition(b'\0')
        if name == b'tEXt' and keyword == PNG_KEYWORD.encode():
            notes = json.loads(text)
    depth, colour = chunks[0][1][8:10]
    if colour == 0 and depth in (2, 4):
        raise BadSampleError(
            f'{path} is a grey PNG of {depth} bits, which programs read as '
            'different numbers. Store it with 8 bits.'
        )
    try:
        if depth < 16:
            return np.asarray(Image.open(io.BytesIO(content))), notes
        # Pillow has no colours of 16 bits.
        pixels = cv2.imdecode(
            np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except (
        OSError,
        SyntaxError,
        ValueError,
        cv2.error,
        Image.DecompressionBombError,
    ) as error:
        raise BadSampleError(
            f'{path} cannot be decoded as PNG. {_DAMAGED} The reason: {error}'
        ) from error
    if pixels is None:
        raise BadSampleError(f'{path} cannot be decoded as PNG. {_DAMAGED}')
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels, notes


def _read_png(
    path: str | Path,
    content: bytes,
    field: Field,
    scale: float | None,
    offset: float,
) -> np.ndarray:
    stored, notes = _decode_png(path, content)
    if notes.get('field', field.name) != field.name:
        raise BadSampleError(
            f'{path} was written as a {notes["field"]}, but is read as a '
            f'{field.name}. Check the folders of the data set.'
        )
    if field.dtype == 'uint8':
        is_mask = not field.is_labels
        return stored[..., 0] if is_mask and stored.ndim == 3 else stored
    if stored.dtype.kind != 'u':
        raise BadSampleError(
            f'{path} must be a PNG of 8 or 16 bits to hold a {field.name}, '
            f'but it has 1 bit'
        )
    if field.is_vector:
        values = stored / np.iinfo(stored.dtype).max * 2 - 1
        if stored.ndim == 3:  # no unit vector is black
            values[(stored == 0).all(axis=-1)] = 0
        return values
    scale = notes.get('scale', 1.0 if scale is None else scale)
    return stored * float(scale) + float(notes.get('offset', offset))


def _read_exr(path: str | Path, content: bytes, field: Field) -> np.ndarray:
    # Its import may fail where no file of the kind is ever read.
    import OpenEXR

    if field.dtype == 'uint8':
        raise BadSampleError(
            f'{path} is an EXR file, but a {field.name} must be png or npy'
        )
    try:
        file = OpenEXR.File(
            io.BytesIO(content), separate_channels=True, num_threads=0
        )
        channels = {k: v.pixels for k, v in file.channels().items()}
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise BadSampleError(
            f'{path} cannot be read as EXR: it is damaged or was cut short. '
            f'{_DAMAGED} The reason: {error}'
        ) from error
    return _select_channels(path, channels, field)


def _select_channels(
    path: str | Path, channels: dict[str, np.ndarray], field: Field
) -> np.ndarray:
    """The channels of an EXR file that hold the field."""
    if field.channels == 1:
        names = [name for name in _SCALAR_CHANNELS if name in channels]
        if len(channels) == 1 or len(names) == 1:
            return channels[(names or list(channels))[0]]
        grey = [channels[name] for name in 'RGB' if name in channels]
        if len(grey) == 3 and all((c == grey[0]).all() for c in grey):
            return grey[0]
        expected = f'one channel, or one of {_SCALAR_CHANNELS}'
    else:
        choices = [_channel_names(field)]
        if field.is_vector:
            choices = list(_VECTOR_CHANNELS)
        fitting = [c for c in choices if set(c) <= set(channels)]
        if len(fitting) == 1:
            planes = [channels[name] for name in fitting[0]]
            if len({plane.shape for plane in planes}) == 1:
                return np.stack(planes, axis=-1)
        expected = f'channels {" or ".join(map(str, choices))} of one size'
    raise BadSampleError(
        f'{path} must have {expected} to hold a {field.name}, but it has '
        f'{sorted(channels)}'
    )


def _channel_names(field: Field) -> tuple[str, ...]:
    if field.channels == 1:
        return ('Z',)
    if field.channels == 3:
        return ('R', 'G', 'B')
    return tuple(f'C{i}' for i in range(field.channels))


def write_map(
    path: str | Path,
    array: np.ndarray,
    field_name: str,
    *,
    scale: float | None = None,
    offset: float | None = None,
) -> Path:
    """Write one map to a file that appears only when it is complete.

    The suffix selects the format. npy, npz and exr keep numbers exactly. A
    png file has 8 bits for labels (ids) and masks (0 or 255), and 16 for

    - numbers: stored = round((value - offset) / scale), with both in a tEXt
      chunk ``mmsapiens``, so that :func:`read_map` gives values within half
      of ``scale``;
    - vectors of length 1: round((v + 1) / 2 * 65535), x, y, z as R, G, B,
      within 1 / 65535; a zero vector, a pixel without one, is black.

    Args:
        path (str | Path): Where to; ends in .npy, .npz, .png or .exr. Its
            folder is made if needed.
        array (np.ndarray): The map, as :func:`read_map` returns it.
        field_name (str): What it shows, a key of ``FIELDS``.
        scale (float, optional): For numbers in png, above 0. Defaults to
            None: the smallest and largest value become 0 and 65535.
        offset (float, optional): For numbers in png. Defaults to None: 0
            with ``scale``, or else the smallest value.

    Returns:
        Path: The file written.

    Raises:
        KeyError: If the field is unknown.
        ValueError: If the suffix is another one, ``scale`` is not positive,
            or the scaled values do not fit in 16 bits.
        BadSampleError: If the array is not a map of this field.
    """
    field = get_field(field_name)
    path = Path(path).expanduser()
    if path.suffix not in WRITTEN_SUFFIXES:
        raise ValueError(
            f'the suffix of {path} must be one of {WRITTEN_SUFFIXES}, '
            f'but got {path.suffix!r}'
        )
    array = check_map(path, np.asarray(array), field)
    if path.suffix == '.exr':
        content = _encode_exr(path, array, field)
    elif path.suffix == '.png':
        content = _encode_png(path, array, field, scale, offset)
    else:
        buffer = io.BytesIO()
        if path.suffix == '.npy':
            np.save(buffer, array, allow_pickle=False)
        else:
            np.savez_compressed(buffer, **{field.name: array})
        content = buffer.getvalue()
    return _write_file(path, content)


def _write_file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.stem}-', suffix='.tmp'
    )
    temporary = Path(name)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _encode_png(
    path: Path,
    array: np.ndarray,
    field: Field,
    scale: float | None,
    offset: float | None,
) -> bytes:
    notes: dict[str, Any] = dict(field=field.name)
    if field.dtype == 'uint8':
        stored = array if field.is_labels else array * np.uint8(255)
    elif field.is_vector:
        stored = _encode_vectors(path, array)
    else:
        stored, notes['scale'], notes['offset'] = _encode_numbers(
            path, array, scale, offset
        )
    if stored.ndim == 3:
        stored = np.ascontiguousarray(stored[..., ::-1])  # OpenCV writes BGR
    _, buffer = cv2.imencode('.png', stored)
    content = buffer.tobytes()
    text = f'{PNG_KEYWORD}\0{json.dumps(notes)}'.encode('latin-1')
    chunk = struct.pack('>I', len(text)) + b'tEXt' + text
    chunk += struct.pack('>I', zlib.crc32(chunk[4:]))
    header_end = len(_PNG_START) + 25  # the first chunk always has 25 bytes
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
    values = array.astype(np.float64)
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


def _encode_exr(path: Path, array: np.ndarray, field: Field) -> bytes:
    import OpenEXR

    if field.dtype == 'uint8':
        raise ValueError(
            f'a {field.name} is written as png, npy or npz, but got {path}'
        )
    planes = array[..., None] if array.ndim == 2 else array
    channels = {
        name: np.ascontiguousarray(planes[..., i], dtype=np.float32)
        for i, name in enumerate(_channel_names(field))
    }
    header = dict(
        compression=OpenEXR.ZIP_COMPRESSION, type=OpenEXR.scanlineimage
    )
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, 'map.exr')
        with OpenEXR.File(header, channels, num_threads=0) as file:
            file.write(name)
        return Path(name).read_bytes()
