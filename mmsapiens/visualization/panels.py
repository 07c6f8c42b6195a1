"""Images side by side with titles, legends of classes and color bars, readable at every size.

Everything scales with the size of the font. Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .colors import apply_color_map

PAPER = (24, 24, 24)
INK = (240, 240, 240)
MIN_FONT = 11
FONT_SHARE = 0.024  # Size of the font as a share of the longer side of an image


def font_size(height: int, width: int) -> int:
    """Size of text in pixels for an image of a height and width."""
    return max(MIN_FONT, round(FONT_SHARE * max(height, width)))


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """A font with many letters where matplotlib is installed, else that of Pillow."""
    found = find_spec('matplotlib')  # importing it takes long
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder, 'mpl-data', 'fonts', 'ttf', 'DejaVuSans.ttf')
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)  # type: ignore[return-value]


def text_width(text: str, size: int) -> int:
    """Width of a line of text in pixels."""
    return int(np.ceil(_font(size).getlength(text)))


def fit_text(text: str, size: int, width: int) -> str:
    """Text, shortened with an ellipsis until it fits into a width."""
    if text_width(text, size) <= width:
        return text
    ends = range(len(text), 0, -1)
    return next((s for end in ends if text_width(s := f'{text[:end]}…', size) <= width), '')


def line_height(size: int) -> int:
    """Height of a line of text with its surroundings, in pixels."""
    return round(1.6 * size)


def blank(height: int, width: int) -> np.ndarray:
    """An empty piece of paper, (height, width, 3)."""
    return np.full((height, width, 3), PAPER[0], dtype=np.uint8)  # gray, much faster than colors


def text_strip(text: str, width: int, size: int, *, align: str = 'left') -> np.ndarray:
    """A line of text on paper, (1.6 size, width, 3), shortened to fit, at the ``align``."""
    text = fit_text(text, size, width)
    free = width - text_width(text, size)
    start = {'left': 0, 'center': free // 2, 'right': free}[align]
    image = Image.fromarray(blank(line_height(size), width))
    middle = line_height(size) / 2
    ImageDraw.Draw(image).text((start, middle), text, fill=INK, font=_font(size), anchor='lm')
    return np.array(image)


def class_legend(entries: Sequence[tuple[str, Sequence[int]]], width: int, size: int) -> np.ndarray:
    """Names of classes beside their RGB colors, (_, width, 3), in as many columns as fit."""
    if not entries:
        return blank(0, width)
    line, box = line_height(size), size
    names = [name.replace('_', ' ') for name, _ in entries]
    widest = max(text_width(name, size) for name in names)
    column = min(width, box + size // 2 + widest + size)
    columns = min(len(entries), max(1, width // column))
    rows = -(-len(entries) // columns)
    step = width // columns if rows > 1 else column
    image = Image.fromarray(blank(rows * line, width))
    draw = ImageDraw.Draw(image)
    for index, (name, (_, color)) in enumerate(zip(names, entries)):
        left, top = index // rows * step, index % rows * line
        corners = left, top + (line - box) // 2, left + box, top + (line + box) // 2
        draw.rectangle(corners, fill=tuple(int(value) for value in color), outline=INK)
        indented = box + size // 2
        text = fit_text(name, size, min(step, width - left) - indented)
        draw.text((left + indented, top + line / 2), text, INK, _font(size), 'lm')
    return np.array(image)


def color_bar(color_map: str, low: str, high: str, width: int, size: int) -> np.ndarray:
    """A color map from left to right between the names of its ends, (1.6 size, width, 3)."""
    gap = size // 2
    left = text_width(low, size) + gap
    right = text_width(high, size) + gap
    strip = blank(line_height(size), width)
    length = width - left - right
    if length < 2 * size:  # no room for a bar between the names
        return text_strip(f'{low} – {high}', width, size)
    strip[:, : left - gap] = text_strip(low, left - gap, size)
    strip[:, width - right + gap :] = text_strip(high, right - gap, size)
    top = (strip.shape[0] - size) // 2
    levels = np.linspace(0, 1, length, dtype=np.float32)[None]
    strip[top : top + size, left : left + length] = apply_color_map(levels, color_map)
    return strip


@dataclass(frozen=True)
class Bar:
    """What the colors of an image mean: a key of ``COLOR_MAPS``, and its two ends."""

    color_map: str
    low: str
    high: str


@dataclass(frozen=True)
class Tile:
    """An image of a panel, with a line above it and perhaps a color bar below."""

    title: str
    image: np.ndarray
    bar: Bar | None = None


def display_size(height: int, width: int, min_side: int, max_side: int) -> tuple[int, int]:
    """Height and width at which an image is shown: the longer side between two limits."""
    longer = max(height, width)
    scale = min(max(longer, min_side), max_side) / longer
    return max(1, round(height * scale)), max(1, round(width * scale))


def gap_of(size: int) -> int:
    """Space between images for a size of the font, in pixels."""
    return max(4, size // 2)


def row_width(count: int, width: int, size: int) -> int:
    """Width of a row of some images of a width, in pixels."""
    return count * width + (count + 1) * gap_of(size)


def join_row(tiles: Sequence[Tile], size: int) -> np.ndarray:
    """Images of one size side by side, (_, :func:`row_width`, 3); a ValueError if sizes differ."""
    shape = tiles[0].image.shape
    if any(tile.image.shape != shape for tile in tiles):
        shapes = [tile.image.shape for tile in tiles]
        raise ValueError(f'the images of a row must have one size, but got {shapes}')
    height, width = shape[:2]
    gap, line = gap_of(size), line_height(size)
    with_bars = any(tile.bar for tile in tiles)
    total = line + height + with_bars * line + gap
    row = blank(total, row_width(len(tiles), width, size))
    for index, tile in enumerate(tiles):
        left = gap + index * (width + gap)
        columns = slice(left, left + width)
        row[:line, columns] = text_strip(tile.title, width, size)
        row[line : line + height, columns] = tile.image
        if tile.bar:
            bar = color_bar(tile.bar.color_map, tile.bar.low, tile.bar.high, width, size)
            row[line + height : line + height + line, columns] = bar
    return row


def stack(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Pieces above each other, at least one, narrower ones continued with paper."""
    width = max(piece.shape[1] for piece in pieces)
    rests = [blank(piece.shape[0], width - piece.shape[1]) for piece in pieces]
    return np.concatenate([np.hstack(pair) for pair in zip(pieces, rests)])


def indent(piece: np.ndarray, size: int) -> np.ndarray:
    """A piece with the gap of a row at its left and below."""
    gap = gap_of(size)
    piece = np.hstack([blank(piece.shape[0], gap), piece])
    return np.vstack([piece, blank(gap, piece.shape[1])])
