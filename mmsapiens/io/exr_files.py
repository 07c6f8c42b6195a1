"""Maps in EXR files: parts, layers, and a window of pixels in a larger image."""

import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import BadSampleError
from ..structures.fields import Field

_SCALAR_CHANNELS = ('Z', 'Y', 'V', 'DEPTH')
_LONG = {'red': 'R', 'green': 'G', 'blue': 'B', 'alpha': 'A'}
_VECTOR_CHANNELS = (('R', 'G', 'B'), ('X', 'Y', 'Z'))
_POINT_CHANNELS = _VECTOR_CHANNELS[::-1]
_WORDS = {'normal_map': ('normal', 'normals', 'nrm', 'n', 'nn'), 'depth_map': ('depth', 'z')}
"""Field -> names of layers with it; others are called as the field is, without ``_map``."""
_OTHERS = ('mist', 'p', 'pref', 'position', 'world', 'motion', 'vector', 'velocity', 'uv')
"""Layers with channels as those of depth or normals, which are neither."""


class _Layer(NamedTuple):
    """Channels that belong together, by the last part of their name, in capitals; its header."""

    name: str
    channels: dict[str, np.ndarray]
    header: dict[str, Any]


def decode_exr(path: str | Path, content: bytes, field: Field, layer: str | None) -> np.ndarray:
    """The map in an EXR file, (H, W) or (H, W, C), as large as its display window."""
    # Its import may fail where no file of the kind is ever read.
    import OpenEXR

    if field.dtype == 'uint8':
        raise BadSampleError(f'{path} is an EXR file, but a {field.name} must be png or npy')
    try:
        file = OpenEXR.File(io.BytesIO(content), separate_channels=True, num_threads=0)
        layers = _layers(file.parts)
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise BadSampleError(
            f'{path} cannot be read as EXR: it is damaged or was cut short. The reason: {error}'
        ) from error
    chosen, names = _choose(path, layers, field, layer)
    planes = [chosen.channels[name] for name in names]
    array = planes[0] if field.channels == 1 else np.stack(planes, axis=-1)
    return _on_display(array, chosen.header, field)


def _layers(parts: Iterable[Any]) -> list[_Layer]:
    """The layers of all parts; a part of several is a layer as well."""
    parts = list(parts)
    layers: dict[str, _Layer] = {}
    for part in parts:
        of_part = part.name() if len(parts) > 1 else ''
        for full, channel in part.channels.items():
            prefix, _, last = full.rpartition('.')
            if of_part and not f'{prefix}.'.startswith(f'{of_part}.'):
                prefix = '.'.join(filter(None, (of_part, prefix)))
            new = _Layer(prefix, {}, part.header)
            last = _LONG.get(last.lower(), last.upper())
            layers.setdefault(prefix, new).channels[last] = channel.pixels
    return list(layers.values())


def _fitting(channels: dict[str, np.ndarray], field: Field) -> list[str]:
    """Channels of a layer that may be the map; none if it fits in no way, or in several."""
    if field.channels == 1:
        if 'Z' in channels and 'X' not in channels:  # ours have the same as Y, for OpenCV
            return ['Z']
        names = [name for name in _SCALAR_CHANNELS if name in channels]
        others = [name for name in channels if name != 'A']
        if len(names) == 1 and 'RY' not in channels:
            return names
        if len(channels) == 1 or len(others) == 1:
            return others or list(channels)
        gray = [channels[name] for name in 'RGB' if name in channels]
        is_gray = len(gray) == 3 and all(np.array_equal(c, gray[0]) for c in gray)
        return ['R'] if is_gray else []
    fitting = [list(names) for names in _choices(field) if set(names) <= set(channels)]
    if len(fitting) != 1:
        return []
    names = fitting[0] + ['A'] * (field.is_vector and 'A' in channels)
    return names if len({channels[name].shape for name in names}) == 1 else []


def _choose(
    path: str | Path, layers: list[_Layer], field: Field, wanted: str | None
) -> tuple[_Layer, list[str]]:
    """The layer with the field, and its channels: the one asked for, or the only one, or that
    called as the field is, or the only one with channels that no color has.
    """
    fits = {layer.name: _fitting(layer.channels, field) for layer in layers}
    words = _WORDS.get(field.name, (field.name.removesuffix('_map'),))
    last = {layer.name: layer.name.rpartition('.')[2].lower() for layer in layers}
    if wanted is not None:
        ends = (wanted.lower(), f'.{wanted.lower()}')
        named = [n for n in fits if n.lower() == ends[0] or n.lower().endswith(ends[1])]
    elif len(layers) == 1:
        named = list(fits)
    else:
        named = [name for name in fits if last[name] in words]
        named = named or [name for name in fits if words[0] in last[name]]
        plain = (['R', 'G', 'B'], ['R', 'G', 'B', 'A'], ['R'], ['Y'], ['V'], ['A'])
        others = [name for name, names in fits.items() if names and names not in plain]
        named = named or [name for name in others if last[name] not in _OTHERS]
    found = [layer for layer in layers if layer.name in named and fits[layer.name]]
    if len(found) == 1:
        return found[0], fits[found[0].name]
    expected = f'one channel, or one of {_SCALAR_CHANNELS}'
    if field.channels > 1:
        expected = f'channels {" or ".join(map(str, _choices(field)))} of one size'
    names = sorted('.'.join(filter(None, (a.name, b))) for a in layers for b in a.channels)
    asked = '' if wanted is None else f' in the layer {wanted!r}'
    choice = f'. Choose one of {sorted(fits)} (`layer`)' if len(layers) > 1 else ''
    wanted = f'must have {expected}{asked} to hold a {field.name}'
    raise BadSampleError(f'{path} {wanted}, but it has {names}{choice}', 'wrong_shape')


def _on_display(array: np.ndarray, header: dict[str, Any], field: Field) -> np.ndarray:
    """Pixels of the data window where they are in the display window."""
    (left, top), _ = data = np.array(header['dataWindow'])
    (x, y), (right, bottom) = display = np.array(header['displayWindow'])
    if (data == display).all():
        return array
    if array.dtype.kind != 'f':
        array = array.astype(np.float64)
    outside = np.inf if field.may_be_infinite else 0 if field.is_vector else field.fill
    size_hw = (bottom - y + 1, right - x + 1)
    result = np.full((*size_hw, *array.shape[2:]), outside, dtype=array.dtype)
    rows, columns = (
        (slice(max(first, 0), first + length), slice(max(-first, 0), None))
        for first, length in ((top - y, array.shape[0]), (left - x, array.shape[1]))
    )
    part = array[rows[1], columns[1]][: max(size_hw[0] - rows[0].start, 0)]
    part = part[:, : max(size_hw[1] - columns[0].start, 0)]
    result[rows[0], columns[0]][: part.shape[0], : part.shape[1]] = part
    return result


def _choices(field: Field) -> tuple[tuple[str, ...], ...]:
    if field.is_position:
        return _POINT_CHANNELS
    return _VECTOR_CHANNELS if field.is_vector else (_channel_names(field),)


def _channel_names(field: Field) -> tuple[str, ...]:
    if field.is_position:
        return _POINT_CHANNELS[0]
    known = {1: ('Z',), 3: ('R', 'G', 'B')}
    if field.is_premultiplied:
        known[4] = ('R', 'G', 'B', 'A')
    return known.get(field.channels) or tuple(f'C{i}' for i in range(field.channels))


def encode_exr(path: Path, array: np.ndarray, field: Field) -> bytes:
    """EXR, float32: channels Z and, for OpenCV, Y; or R, G, B and perhaps A; or X, Y, Z; or C0, C1,
    ....
    """
    import OpenEXR

    if field.dtype == 'uint8':
        raise ValueError(f'a {field.name} is written as png, npy or npz, but got {path}')
    planes = array[..., None] if array.ndim == 2 else array
    channels = {
        name: np.ascontiguousarray(planes[..., i], dtype=np.float32)
        for i, name in enumerate(_channel_names(field))
    }
    if field.channels == 1:
        channels['Y'] = channels['Z']
    header = dict(compression=OpenEXR.ZIP_COMPRESSION, type=OpenEXR.scanlineimage)
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, 'map.exr')
        with OpenEXR.File(header, channels, num_threads=0) as file:
            file.write(name)
        return Path(name).read_bytes()
