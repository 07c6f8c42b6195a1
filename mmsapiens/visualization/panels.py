"""Images side by side, with titles.

Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .legends import blank, color_bar, line_height, text_strip


@dataclass(frozen=True)
class Bar:
    """What the colors of an image mean.

    Attributes:
        color_map (str): A key of :data:`~mmsapiens.visualization.colors.COLOR_MAPS`.
        low (str): Meaning of its first color.
        high (str): Meaning of its last color.
    """

    color_map: str
    low: str
    high: str


@dataclass(frozen=True)
class Tile:
    """An image of a panel.

    Attributes:
        title (str): Line above it.
        image (np.ndarray): RGB, uint8 (H, W, 3).
        bar (Bar, optional): Color bar below it. Defaults to None.
    """

    title: str
    image: np.ndarray
    bar: Bar | None = None


def display_size(height: int, width: int, min_side: int, max_side: int) -> tuple[int, int]:
    """Height and width at which an image is shown, ratio kept.

    Args:
        height (int): Of the image.
        width (int): Of the image.
        min_side (int): The longer side is at least this.
        max_side (int): The longer side is at most this.

    Returns:
        tuple[int, int]: Height and width.
    """
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
    """Images of one size side by side.

    Args:
        tiles (Sequence[Tile]): At least one; images are (H, W, 3).
        size (int): Of the font.

    Returns:
        np.ndarray: RGB, uint8 (_, :func:`row_width`, 3).

    Raises:
        ValueError: If there is no tile, or if sizes differ.
    """
    if not tiles:
        raise ValueError('a row of images must have at least one tile')
    shape = tiles[0].image.shape
    if any(tile.image.shape != shape for tile in tiles):
        raise ValueError(
            'the images of a row must have one size, but got '
            f'{[tile.image.shape for tile in tiles]}'
        )
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
            row[line + height : line + height + line, columns] = color_bar(
                tile.bar.color_map, tile.bar.low, tile.bar.high, width, size
            )
    return row


def stack(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Pieces above each other, narrower ones continued with paper.

    Args:
        pieces (Sequence[np.ndarray]): RGB, uint8 (_, _, 3), at least one.

    Returns:
        np.ndarray: RGB, uint8 (_, W, 3), W the greatest width.
    """
    width = max(piece.shape[1] for piece in pieces)
    widened = [
        np.concatenate([piece, blank(piece.shape[0], width - piece.shape[1])], axis=1)
        for piece in pieces
    ]
    return np.concatenate(widened)


def indent(piece: np.ndarray, size: int) -> np.ndarray:
    """A piece with the gap of a row at its left and below."""
    gap = gap_of(size)
    piece = np.concatenate([blank(piece.shape[0], gap), piece], axis=1)
    return np.concatenate([piece, blank(gap, piece.shape[1])])
