"""What the pixels of an image mean that shows a mask of people, or ids of classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..classes.class_sets import plain_name
from ..core.errors import BadSampleError

MAX_SOFT = 0.25
"""Share of the pixels that may be above 0 but below half of the largest value of a mask."""
_LEVELS = 32
"""Values that a mask of people by number may have."""
_UNKNOWN = 256
_STORE = 'Store 0 for the background and 255 for people.'
_MAX_SHOWN = 5


class LabelColors(NamedTuple):
    """R, G, B of 8 bits -> class id; if ``is_listed`` they count although numbers could be ids."""

    ids: Mapping[tuple[int, ...], int]
    is_listed: bool = False


def palette_colors(palette: Sequence[Sequence[int]]) -> LabelColors | None:
    """The colors of a palette, one a class, without those of several classes."""
    colors = [tuple(map(int, color)) for color in palette]
    ids = {color: label for label, color in enumerate(colors) if colors.count(color) == 1}
    return LabelColors(ids) if ids else None


def read_labelmap(path: str | Path, text: str, classes: Sequence[str]) -> LabelColors:
    """A list of colors: lines ``name:r,g,b:parts:actions`` of CVAT, or ``r g b name`` of CamVid.

    Names are those of ``classes`` but for case, blanks, - and _; without classes, lines are
    numbered. Lines without a color have that of Pascal VOC; others are a ValueError.
    """
    plain = [plain_name(name) for name in classes]
    ids: dict[tuple[int, ...], int] = {}
    number = 0
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith('#'):
            continue
        name, colon, rest = line.partition(':')
        color = rest.split(':')[0].split(',')
        if not colon:
            *color, name = line.split(maxsplit=3) if line[0].isdigit() else ['', line]
        try:
            red, green, blue = bytes(map(int, color) if any(color) else _voc_color(number))
            ids[red, green, blue] = plain.index(plain_name(name)) if plain else number
        except ValueError:
            wanted = f'`name:r,g,b::` or `r g b name` with a name of {list(classes) or "any"}'
            text = f'lines of {path} must be {wanted}, but one is {line!r}'
            raise ValueError(text) from None
        number += 1
    return LabelColors(ids, is_listed=True)


def _voc_color(number: int) -> list[int]:
    """The color that Pascal VOC has for a number: its bits, by turns, from the highest down."""
    return [
        sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for channel in range(3)
    ]


def split_opacity(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W) or (H, W, 3) without equal channels and opacity, the last of two or four
    channels, and the opacity if it varies; other shapes come back as they are.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or not pixels.size:
        return pixels, None
    opacity = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    colors = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
    if (colors[..., 1:] == colors[..., :1]).all():
        colors = colors[..., 0]
    is_opaque = opacity is None or opacity.min() == opacity.max()
    return colors, None if is_opaque else opacity


def mask_of(path: str | Path, pixels: np.ndarray) -> np.ndarray:
    """Numbers (H, W) that are above 0 where people are, from (H, W) or an image (H, W, C <= 4): the
    opacity if it varies, else any color on black. BadSampleError if that cannot be told.
    """
    plane, opacity = split_opacity(pixels)
    if opacity is not None:
        plane = opacity
    elif plane.ndim == 3 and plane.shape[2] == 3 and plane.dtype.kind in 'ui':
        plane = _one_color(path, plane)
    if plane.ndim != 2 or not plane.size or plane.dtype.kind not in 'uif':
        return plane  # true or false, or refused by its shape or type
    low, high = plane.min(), plane.max()
    soft = (plane > 0) & (plane < high / 2)
    reason = ''
    if low > 0 and high > low:
        reason = f'no pixel is 0: its values go from {low:.4g} to {high:.4g}'
    elif low >= 0 and soft.mean() > MAX_SOFT and len(np.unique(plane[soft])) > _LEVELS:
        reason = f'{soft.mean():.0%} are above 0, but below half of its largest value, {high:.4g}'
    if reason:
        text = f'of the human mask in {path} {reason}. Are they probabilities? {_STORE}'
        raise BadSampleError(text, 'gray_mask')
    return plane


def _one_color(path: str | Path, colors: np.ndarray) -> np.ndarray:
    """The largest channel of an image (H, W, 3) of one color and its shades."""
    largest = colors.max(axis=-1)
    brightest = colors.reshape(-1, 3)[largest.argmax()].astype(np.float32)
    expected = largest[..., None] * (brightest / (brightest.max() or 1))
    if np.abs(colors - expected).max() > 1.5:
        text = f'the human mask in {path} has several colors, as {_show(colors)}'
        raise BadSampleError(f'{text}: it is not known which are people. {_STORE}', 'gray_mask')
    return largest


def labels_of(path: str | Path, pixels: np.ndarray, colors: LabelColors | None) -> np.ndarray:
    """Class ids (H, W) from (H, W) or an image (H, W, C <= 4): equal channels are ids, unless all
    are colors of classes. BadSampleError for a color of no class and transparent labels.
    """
    if pixels.dtype.kind not in 'ui' or pixels.ndim != 3 or not pixels.size or pixels.shape[2] > 4:
        return pixels
    plane, opacity = split_opacity(pixels)
    if plane.ndim == 3 and colors is None:
        raise BadSampleError(
            f'{path} has colors, as {_show(plane)}, instead of class ids. Give the dataset a '
            '`palette`, or its folder the labelmap.txt of CVAT (`name:r,g,b::`); or store ids.',
            'color_labels',
        )
    if colors is not None and pixels.shape[2] > 2:
        found = _look_up(pixels[..., :3], colors)
        unknown = found == _UNKNOWN
        if not unknown.any():
            plane = found.astype(np.uint8)
        elif plane.ndim == 3 or colors.is_listed:
            known = dict(list(colors.ids.items())[:_MAX_SHOWN])
            raise BadSampleError(
                f'{int(unknown.sum())} pixels of {path} have colors of no class: '
                f'{_show(pixels[unknown][:, :3])}; of palette or labelmap.txt are {known} ...',
                'color_labels',
            )
    if opacity is not None and (plane[opacity == 0] > 0).any():
        text = f'{path} has labels other than 0 where it is transparent: it is not known whether'
        raise BadSampleError(f'{text} they count. Store ids without opacity.', 'color_labels')
    return plane


def _look_up(image: np.ndarray, colors: LabelColors) -> np.ndarray:
    """The id of each color, uint16 (H, W); 256 for those of no class."""
    table: np.ndarray = np.full(1 << 24, _UNKNOWN, dtype=np.uint16)
    for (red, green, blue), label in colors.ids.items():
        table[red << 16 | green << 8 | blue] = label
    wide: np.ndarray = image.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    packed[(wide > 255).any(axis=-1)] = 0
    found = table[packed]
    found[(wide > 255).any(axis=-1)] = _UNKNOWN
    return found


def _show(colors: np.ndarray) -> str:
    """Some colors of an image (H, W, 3), those of the most pixels first."""
    found, counts = np.unique(colors.reshape(-1, 3), axis=0, return_counts=True)
    order = np.argsort(-counts)[:_MAX_SHOWN]
    shown = ', '.join(str(tuple(found[i].tolist())) for i in order)
    return shown + (', ...' if len(found) > _MAX_SHOWN else '')
