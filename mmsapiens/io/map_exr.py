"""Dense maps as OpenEXR, in 32-bit floating point."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import numpy as np

from ..core.errors import BadSampleError
from ..structures.fields import Field
from .map_checks import DAMAGED

_SCALAR_CHANNELS = ('Z', 'Y', 'V', 'depth')
_VECTOR_CHANNELS = (('R', 'G', 'B'), ('X', 'Y', 'Z'))


def decode_exr(path: str | Path, content: bytes, field: Field) -> np.ndarray:
    """The map in an EXR file.

    Args:
        path (str | Path): Its name, for messages.
        content (bytes): The file.
        field (Field): What it shows. A field of one channel may be the only channel, or one of 'Z',
            'Y', 'V', 'depth', or gray as R, G, B; vectors are in R, G, B or X, Y, Z.

    Returns:
        np.ndarray: As stored, (H, W) or (H, W, C).

    Raises:
        BadSampleError: If the file is damaged or has other channels.
    """
    # Its import may fail where no file of the kind is ever read.
    import OpenEXR

    if field.dtype == 'uint8':
        raise BadSampleError(f'{path} is an EXR file, but a {field.name} must be png or npy')
    try:
        file = OpenEXR.File(io.BytesIO(content), separate_channels=True, num_threads=0)
        channels = {k: v.pixels for k, v in file.channels().items()}
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise BadSampleError(
            f'{path} cannot be read as EXR: it is damaged or was cut short. '
            f'{DAMAGED} The reason: {error}'
        ) from error
    return _select_channels(path, channels, field)


def _select_channels(path: str | Path, channels: dict[str, np.ndarray], field: Field) -> np.ndarray:
    """The channels of an EXR file that hold the field."""
    if field.channels == 1:
        names = [name for name in _SCALAR_CHANNELS if name in channels]
        if len(channels) == 1 or len(names) == 1:
            return channels[(names or list(channels))[0]]
        gray = [channels[name] for name in 'RGB' if name in channels]
        if len(gray) == 3 and all((c == gray[0]).all() for c in gray):
            return gray[0]
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
        f'{path} must have {expected} to hold a {field.name}, but it has {sorted(channels)}'
    )


def _channel_names(field: Field) -> tuple[str, ...]:
    if field.channels == 1:
        return ('Z',)
    if field.channels == 3:
        return ('R', 'G', 'B')
    return tuple(f'C{i}' for i in range(field.channels))


def encode_exr(path: Path, array: np.ndarray, field: Field) -> bytes:
    """The content of an EXR file: float32, compressed without loss.

    Args:
        path (Path): Its name, for messages.
        array (np.ndarray): The map, (H, W) as channel Z, (H, W, 3) as R, G, B, or (H, W, C) as C0,
            C1 and so on.
        field (Field): What it shows.

    Raises:
        ValueError: If it is labels or a mask.
    """
    import OpenEXR

    if field.dtype == 'uint8':
        raise ValueError(f'a {field.name} is written as png, npy or npz, but got {path}')
    planes = array[..., None] if array.ndim == 2 else array
    channels = {
        name: np.ascontiguousarray(planes[..., i], dtype=np.float32)
        for i, name in enumerate(_channel_names(field))
    }
    header = dict(compression=OpenEXR.ZIP_COMPRESSION, type=OpenEXR.scanlineimage)
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, 'map.exr')
        with OpenEXR.File(header, channels, num_threads=0) as file:
            file.write(name)
        return Path(name).read_bytes()
