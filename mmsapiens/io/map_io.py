"""Reading and writing of dense maps, told by content; see ``docs/dense_outputs.md``."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.atomic_files import atomic_write
from ..core.errors import BadSampleError, MissingFileError
from ..ops.opacity import to_premultiplied, to_straight
from ..structures.fields import Field, get_field
from .exr_files import decode_exr, encode_exr
from .map_formats import (
    DAMAGED,
    PNG_START,
    UINT16_MAX,
    decode_numpy,
    decode_plain,
    decode_png,
    decode_vectors,
    encode_numpy,
    encode_png,
)
from .painted import LabelColors, labels_of, mask_of, split_opacity

WRITTEN_SUFFIXES = ('.npy', '.npz', '.png', '.exr')
_STARTS = {
    b'\x93NUMPY': 'npy',
    b'PK': 'npz',
    PNG_START: 'png',
    b'v/1\x01': 'exr',
    b'\xff\xd8': 'jpg',
    **dict.fromkeys((b'II*\0', b'MM\0*', b'P5', b'P6', b'Pf', b'PF', b'BM'), 'plain'),
}


def read_map(
    path: str | Path,
    field_name: str,
    *,
    scale: float | None = None,
    offset: float = 0.0,
    missing: Sequence[float] = (),
    layer: str | None = None,
    colors: LabelColors | None = None,
    content: bytes | None = None,
) -> np.ndarray:
    """Read one map.

    npy and npz are read as they are; of an npz file with several arrays, the one that is named as
    the field, whole or in part (``depth``). Labels and masks are also read from 8-bit and 16-bit
    png (of a palette, the indices), numbers and vectors from png and exr as :func:`write_map`
    stores them, and all from tiff, pgm, bmp and pfm as stored. Three equal channels are one.
    Opacity that varies says where a mask, numbers and vectors are.

    Args:
        path (str | Path): The file.
        field_name (str): What it shows, a key of ``FIELDS``.
        scale (float, optional): For numbers in png or tiff that do not tell their own scaling:
            value = stored * scale + offset. Defaults to None, the stored numbers; of fields from 0
            to 1, unsigned integers as shares of their largest.
        offset (float): See ``scale``. Defaults to 0.
        missing (Sequence[float]): Stored numbers of depth where nothing was measured, as 65535.
        layer (str, optional): Layer or part of an exr file, whole or the end of its name. Defaults
            to None, the only one that fits.
        colors (LabelColors, optional): Of the classes, for labels in color.
        content (bytes, optional): What is in the file, where that is not on the local disk.

    Returns:
        np.ndarray: The map in the field's type: (H, W), or (H, W, C) for a field of several
        channels. Labels are ids, a mask is 0 or 1, vectors are as stored, neither turned nor scaled
        to unit length; pixels without one, or without a point, are 0. Depth is infinite where
        nothing was measured, and as stored elsewhere, also 0 and below.

    Raises:
        KeyError: If the field is unknown.
        MissingFileError: If there is no such file.
        BadSampleError: If the file is empty, cut short, damaged, of another format, or holds
            something that the field cannot be: another type or number of channels, ids above 255,
            colors of no class, NaN or infinity (except of a depth, and of vectors).
    """
    field = get_field(field_name)
    with _open(path) if content is None else io.BytesIO(content) as file:
        start = file.read(16)
        file.seek(0)
        kind = next((k for s, k in _STARTS.items() if start.startswith(s)), '')
        if kind in ('npy', 'npz'):
            array = decode_numpy(path, file, field)
            if array.ndim == 3 and field.channels == len(array) == 1 < array.shape[2]:
                array = array[0]  # as networks give it
            scaling = (_default_scale(array, field), 0.0) if field.is_share else None
            array = _mean(path, array, field, missing, colors, scaling)
            return check_map(path, array, field, is_read=True)
        content = file.read()
    if not content:
        raise BadSampleError(f'the map {path} is an empty file. {DAMAGED}', 'empty_file')
    if kind == 'png':
        is_listed = colors is not None and colors.is_listed
        array, notes = decode_png(path, content, field, is_listed)
        scale = float(notes.get('scale', _default_scale(array, field) if scale is None else scale))
        scaling = scale, float(notes.get('offset', offset))
        array = _mean(path, array, field, missing, colors, scaling)
        if field.is_premultiplied and array.shape[2:] == (field.channels,):
            array = to_premultiplied(array)
    elif kind == 'exr':
        array = _mean(path, decode_exr(path, content, field, layer), field, missing, colors)
    elif kind == 'plain':
        array = decode_plain(path, content)
        scale = _default_scale(array, field) if scale is None else scale
        stored = (scale, offset) if array.dtype.kind in 'iu' else None
        array = _mean(path, array, field, missing, colors, stored)
    elif kind == 'jpg':
        text = f'{path} is a JPEG, whose compression changes the values of a {field.name}'
        raise BadSampleError(f'{text}. Store the map as png, npy or exr.', 'jpeg_map')
    else:
        text = f'{path} must be an npy, npz, png or exr file (or tiff, pfm) with a {field.name}'
        raise BadSampleError(f'{text}, but it starts with {start!r}. {DAMAGED}')
    return check_map(path, array, field, is_read=True)


def _default_scale(stored: np.ndarray, field: Field) -> float:
    """What stored numbers are multiplied with: unsigned integers may be shares of the largest."""
    is_share = field.is_share and stored.dtype.kind == 'u'
    return 1 / np.iinfo(stored.dtype).max if is_share else 1.0


def _mean(
    path: str | Path,
    stored: np.ndarray,
    field: Field,
    missing: Sequence[float],
    colors: LabelColors | None,
    scaling: tuple[float, float] | None = None,
) -> np.ndarray:
    """What stored numbers mean; ``scaling`` is of those of a PNG."""
    if field.dtype == 'uint8':
        return labels_of(path, stored, colors) if field.is_labels else mask_of(path, stored)
    opacity = None
    if field.channels == 1:
        stored, opacity = split_opacity(stored)
    elif field.is_vector and stored.shape[2:] == (field.channels + 1,):
        stored, opacity = stored[..., :-1], stored[..., -1]
    absent = np.isin(stored, missing) if len(missing) and field.is_positive else None
    if opacity is not None and opacity.min() < opacity.max():
        hidden = opacity <= opacity.max() / 2
        absent = hidden if absent is None else absent | hidden
    if scaling is not None:
        stored = decode_vectors(stored) if field.is_vector else stored * scaling[0] + scaling[1]
    if absent is not None and absent.any():
        stored = np.array(stored, dtype=np.float64 if stored.dtype.kind != 'f' else None)
        value = math.inf if field.may_be_infinite else field.fill
        stored[absent] = 0 if field.is_vector else value
    return stored


def _open(path: str | Path) -> BinaryIO:
    try:
        return open(path, 'rb')
    except FileNotFoundError:
        raise missing_map(path) from None
    except OSError as error:
        raise BadSampleError(f'the map {path} cannot be read: {error}') from error


def missing_map(path: str | Path) -> MissingFileError:
    """The error about a map that does not exist."""
    remedy = 'Check the path, or `data_root` and `data_prefix` of the dataset.'
    return MissingFileError(f'the map {path} does not exist. {remedy}')


def check_map(
    path: str | Path, array: np.ndarray, field: Field, is_read: bool = False
) -> np.ndarray:
    """A map, (H, W), (H, W, 1) or (H, W, C), in the type of its field; BadSampleError for others.
    NaN and infinity of a map that was read are pixels without a value, where the field has such;
    points may be written as NaN.
    """
    is_scalar = field.channels == 1
    if is_scalar and array.shape[2:] == (1,):
        array = array[..., 0]
    shape = '(H, W)' if is_scalar else f'(H, W, {field.channels})'
    what = f'the {field.name} in {path}'
    if array.ndim < 2 or array.shape[2:] != (() if is_scalar else (field.channels,)):
        raise BadSampleError(
            f'{what} must have the shape {shape}, but got {array.shape}. Store one map in a file, '
            'channels last.',
            'color_labels' if field.is_labels and array.ndim == 3 else 'wrong_shape',
        )
    if not array.size:
        text = f'{what} has no pixels: its shape is {array.shape}. {DAMAGED}'
        raise BadSampleError(text, 'wrong_shape')
    if field.is_labels:
        return _check_labels(what, array, field)
    is_mask = field.dtype == 'uint8'
    kinds = 'biuf' if is_mask else 'iuf' if is_scalar else 'f'
    if array.dtype.kind not in kinds:
        wanted = 'real numbers' if is_scalar else 'floating point numbers'
        text = f'{what} must hold {wanted}, but its type is {array.dtype}'
        raise BadSampleError(f'{text}. Store the values, not an image of them.', 'wrong_type')
    with np.errstate(over='ignore'):
        values = array > 0 if is_mask else array.astype(field.dtype, copy=False)
    tested = array if is_mask else values
    if tested.dtype.kind == 'f' and not np.isfinite(tested).all():
        bad = ~np.isfinite(tested)
        if field.is_position and not is_read:
            bad &= ~np.isnan(tested).all(axis=-1, keepdims=True)  # a pixel without a point
        if is_read and (field.may_be_infinite or field.is_vector):
            lost = ~np.isfinite(array)
            if is_direction := field.is_vector or field.is_position:
                lost |= lost.any(axis=-1, keepdims=True)
            values = np.where(lost, values.dtype.type(0 if is_direction else np.inf), values)
            bad &= ~lost  # what was finite in the file has no room in float32
        if bad.any():
            y, x = np.argwhere(bad)[0][:2]
            raise BadSampleError(
                f'{what} has {int(bad.sum())} values that are NaN or infinite, the first at row '
                f'{y}, column {x}. Give these pixels a number; the mask leaves them out.',
                'nan_values' if np.isnan(tested).any() else 'infinite_values',
            )
    return np.ascontiguousarray(values.astype(field.dtype, copy=False))


def _check_labels(what: str, array: np.ndarray, field: Field) -> np.ndarray:
    if array.dtype.kind not in 'iu':
        text = f'{what} must hold integers, the class ids, but its type is {array.dtype}'
        hint = 'A file of bool is a mask, of float rather scores.'
        raise BadSampleError(f'{text}. {hint}', 'wrong_type')
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        text = f'{what} must hold class ids from 0 to 254 and 255 for ignored pixels'
        raise BadSampleError(f'{text}, but its values go from {low} to {high}', 'unknown_label')
    return np.ascontiguousarray(array.astype(field.dtype))


def write_map(
    path: str | Path,
    array: np.ndarray,
    field_name: str,
    *,
    scale: float | None = None,
    offset: float | None = None,
) -> Path:
    """Write one map to a file that appears only when it is complete.

    npy, npz and exr keep numbers exactly. A png file has 8 bits for labels (ids) and masks (0 or
    255), and 16 for

    - numbers: stored = round((value - offset) / scale), with both in a tEXt chunk ``mmsapiens``,
      so that :func:`read_map` gives values within half of ``scale``;
    - vectors of length 1: round((v + 1) / 2 * 65535), x, y, z as R, G, B, within 1 / 65535; a
      zero vector, a pixel without one, is black;
    - mattes: colors that are not multiplied with the opacity, and it, times 65535.

    Args:
        path (str | Path): Where to; ends in .npy, .npz, .png or .exr. Its folder is made if needed.
        array (np.ndarray): The map, as :func:`read_map` returns it.
        field_name (str): What it shows, a key of ``FIELDS``.
        scale (float, optional): For numbers in png, above 0. Defaults to None: the smallest and
            largest value become 0 and 65535.
        offset (float, optional): For numbers in png. Defaults to None: 0 with ``scale``, or else
            the smallest value.

    Returns:
        Path: The file written.

    Raises:
        KeyError: If the field is unknown.
        ValueError: If the suffix is another one, or ``scale`` is not positive or too small.
        BadSampleError: If the array is not a map of this field.
    """
    path = Path(path).expanduser()
    content = encode_map(path, array, field_name, scale=scale, offset=offset)
    atomic_write(content, path, is_durable=False)
    return path


def encode_map(
    path: str | Path,
    array: np.ndarray,
    field_name: str,
    *,
    scale: float | None = None,
    offset: float | None = None,
) -> bytes:
    """The file that :func:`write_map` would write."""
    field, path = get_field(field_name), Path(path)
    if path.suffix not in WRITTEN_SUFFIXES:
        text = f'the suffix of {path} must be one of {WRITTEN_SUFFIXES}'
        raise ValueError(f'{text}, but got {path.suffix!r}')
    array = check_map(path, np.asarray(array), field)
    if path.suffix == '.exr':
        return encode_exr(path, array, field)
    if path.suffix == '.png':
        if field.is_position:
            raise ValueError(f'a {field.name} is written as npy, npz or exr, but got {path}')
        if field.is_premultiplied:  # as the format demands
            array, scale, offset = to_straight(array), 1 / UINT16_MAX, 0.0
        return encode_png(path, array, field, scale, offset)
    return encode_numpy(path, array, field)
