"""Odd inputs in words."""

import numpy as np
from PIL import Image as PILImage

from mmsapiens.io.read_options import ReadOptions
from mmsapiens.io.sources import open_source
from mmsapiens.structures.results import Image

CORNER, REST = (200, 40, 40), (40, 80, 200)


def make_image(width=64, height=48):
    """An image of Pillow, red at the top left, blue elsewhere."""
    image = PILImage.new('RGB', (width, height), REST)
    image.paste(CORNER, (0, 0, max(1, width // 4), max(1, height // 4)))
    return image


def color(image):
    """Name of the color of the first pixel, RGB in tens otherwise."""
    rgb = image[0, 0, ::-1].astype(int)
    for name, value in dict(red=CORNER, blue=REST).items():
        if np.abs(rgb - value).max() <= 12:
            return name
    return str(tuple(int(value) for value in (rgb / 10).round().clip(0, 25) * 10))


def one(item):
    """A frame or an unreadable image in words."""
    if not isinstance(item, Image):
        return f'{item.name}: {item.reason}'
    assert item.image.dtype == np.uint8
    assert item.image.flags['C_CONTIGUOUS']
    height, width = item.size_hw
    assert item.image.shape == (height, width, 3)
    time = '' if item.time_s is None else f' at {item.time_s:.2f} s'
    return f'{item.name}: {width} x {height}{time}, {color(item.image)}'


def describe(inputs, exclude=None, **options):
    """All that a source gives, in words; errors of opening likewise."""
    try:
        source = open_source(inputs, ReadOptions(**options), exclude=exclude)
        return '; '.join(map(one, source)) or 'nothing'
    except (TypeError, ValueError) as error:
        return f'{type(error).__name__}: {error}'
