"""What a made pool has besides photographs: drawings, screens, text and marks over images.

Each function draws with a random generator and nothing else. Images are BGR, uint8 (H, W, 3).
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Bgr = NDArray[np.uint8]

WORDS = (
    'summer', 'sale', 'light', 'market', 'open', 'river', 'photo', 'studio', 'news', 'today',
    'city', 'garden', 'night', 'music', 'mountain', 'festival', 'coffee', 'train', 'winter',
    'free', 'order', 'street', 'world', 'design', 'home', 'travel', 'story', 'weekend',
    'fresh', 'stock', 'image', 'preview', 'sample', 'copyright', 'number', 'window',
    'settings', 'account', 'message', 'file', 'search',
)  # fmt: skip


@lru_cache(maxsize=64)
def _font(size: int, face: int) -> ImageFont.FreeTypeFont:
    """A font of Pillow, or one of matplotlib's where that is installed."""
    found = find_spec('matplotlib')
    names = ('DejaVuSans-Bold', 'DejaVuSerif', 'DejaVuSansMono', 'DejaVuSerif-BoldItalic')
    if face and found and found.submodule_search_locations:
        folder = Path(found.submodule_search_locations[0], 'mpl-data', 'fonts', 'ttf')
        path = folder / f'{names[face % len(names)]}.ttf'
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)  # type: ignore[return-value]


def _font_of(rng: Generator, size: float) -> ImageFont.FreeTypeFont:
    return _font(max(9, round(size)), int(rng.integers(5)))


def phrase(rng: Generator, words: int) -> str:
    """Some words."""
    return ' '.join(rng.choice(WORDS, words))


def _color(rng: Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    return tuple(int(c) for c in rng.integers(low, high, 3))  # type: ignore[return-value]


def _sheet(size_hw: tuple[int, int], color: tuple[int, ...]) -> Image.Image:
    return Image.new('RGB', size_hw[::-1], color)


def _bgr(sheet: Image.Image) -> Bgr:
    return np.asarray(sheet)[..., ::-1].copy()


def draw_poster(size_hw: tuple[int, int], rng: Generator) -> Bgr:
    """A title, lines of text and shapes on a plain ground."""
    height, width = size_hw
    dark = rng.random() < 0.5
    sheet = _sheet(size_hw, _color(rng, 0, 90) if dark else _color(rng, 170))
    canvas = ImageDraw.Draw(sheet)
    ink = _color(rng, 190) if dark else _color(rng, 0, 90)
    for _ in range(int(rng.integers(2, 7))):
        x, y = rng.integers(width), rng.integers(height)
        reach = rng.uniform(0.05, 0.3) * min(size_hw)
        shape = [x - reach, y - reach, x + reach, y + reach]
        draw = canvas.ellipse if rng.random() < 0.5 else canvas.rectangle
        draw([int(v) for v in shape], fill=_color(rng))
    top = 0.06 * height
    for lines, share in ((2, 0.11), (int(rng.integers(3, 9)), 0.045)):
        for _ in range(lines):
            font = _font_of(rng, share * width)
            canvas.text((0.06 * width, top), phrase(rng, 3), fill=ink, font=font)
            top += 1.35 * share * width
    return _bgr(sheet)


def draw_cartoon(size_hw: tuple[int, int], rng: Generator) -> Bgr:
    """Figures with outlines in a flat scene."""
    height, width = size_hw
    sheet = _sheet(size_hw, (int(rng.integers(120, 200)), int(rng.integers(180, 230)), 250))
    canvas = ImageDraw.Draw(sheet)
    line = max(2, min(size_hw) // 160)
    horizon = rng.uniform(0.5, 0.75) * height
    for _ in range(int(rng.integers(2, 5))):
        x, reach = rng.uniform(0, width), rng.uniform(0.2, 0.6) * width
        shape = [int(v) for v in (x - reach, horizon - reach / 3, x + reach, height + reach)]
        canvas.ellipse(shape, fill=_color(rng, 60, 220), outline=(20, 20, 20), width=line)
    for _ in range(int(rng.integers(1, 4))):
        _figure(canvas, rng, rng.uniform(0.15, 0.85) * width, height, line)
    return _bgr(sheet)


def _figure(canvas: ImageDraw.ImageDraw, rng: Generator, x: float, height: int, line: int) -> None:
    tall = rng.uniform(0.45, 0.9) * height
    top = height - tall
    head = 0.16 * tall
    skin, ink = _color(rng, 120, 255), (15, 15, 15)
    shirt, legs = _color(rng), _color(rng, 0, 120)

    def blob(kind: str, *box: float, fill: tuple[int, int, int]) -> None:
        shape = [int(v) for v in box]
        getattr(canvas, kind)(shape, fill=fill, outline=ink, width=line)

    middle = top + 2 * head
    foot = top + 0.95 * tall
    for side in (-1, 1):
        reach = x + side * rng.uniform(0.8, 1.8) * head
        hand = middle + rng.uniform(-0.5, 1.6) * head
        canvas.line([x, middle + 0.3 * head, reach, hand], fill=ink, width=int(0.4 * head))
        canvas.line([x, middle + 0.3 * head, reach, hand], fill=skin, width=int(0.28 * head))
        blob('rectangle', x + side * 0.45 * head - 0.25 * head, middle + 1.6 * head,
             x + side * 0.45 * head + 0.25 * head, foot, fill=legs)  # fmt: skip
    blob('rectangle', x - 0.8 * head, middle, x + 0.8 * head, middle + 1.9 * head, fill=shirt)
    blob('ellipse', x - head, top, x + head, top + 2 * head, fill=skin)
    for side in (-1, 1):
        eye = x + side * 0.35 * head
        blob('ellipse', eye - 0.2 * head, top + 0.7 * head, eye + 0.2 * head, top + 1.2 * head,
             fill=(255, 255, 255))  # fmt: skip
        blob('ellipse', eye - 0.07 * head, top + 0.9 * head, eye + 0.07 * head, top + 1.1 * head,
             fill=ink)  # fmt: skip
    smile = [int(v) for v in (x - 0.5 * head, top + head, x + 0.5 * head, top + 1.6 * head)]
    canvas.arc(smile, 20, 160, fill=ink, width=2 * line)
    hair = [int(v) for v in (x - head, top - 0.15 * head, x + head, top + 1.2 * head)]
    canvas.pieslice(hair, 180, 360, fill=_color(rng, 0, 130), outline=ink, width=line)


def draw_screenshot(size_hw: tuple[int, int], rng: Generator, photo: Bgr | None) -> Bgr:
    """A window with menus, a list and paragraphs, and perhaps a small photograph in it."""
    height, width = size_hw
    dark = rng.random() < 0.4
    paper, ink = ((30, 31, 34), (220, 220, 220)) if dark else ((250, 250, 250), (30, 30, 30))
    sheet = _sheet(size_hw, paper)
    canvas = ImageDraw.Draw(sheet)
    size = max(11, height // 48)
    accent = _color(rng, 40, 200)
    canvas.rectangle([0, 0, width, 2 * size], fill=accent)
    small = _font(size, int(rng.integers(2)))
    canvas.text((size, 0.4 * size), phrase(rng, 4), fill=(255, 255, 255), font=small)
    side = int(rng.uniform(0.18, 0.3) * width)
    canvas.rectangle([0, 2 * size, side, height], fill=tuple(int(0.93 * c) for c in paper))
    for y in range(3 * size, height - size, 2 * size):
        canvas.text((size, y), phrase(rng, 2), fill=ink, font=small)
    y = 3 * size
    while y < height - size:
        if rng.random() < 0.12:
            canvas.rectangle([side + size, y, side + 8 * size, y + 2 * size], fill=accent)
            y += 2 * size
        elif rng.random() < 0.85:
            canvas.text((side + size, y), phrase(rng, width // size // 5), fill=ink, font=small)
        y += int(1.6 * size)
    out = _bgr(sheet)
    if photo is not None:
        h = height // 3
        w = min(width - side - 2 * size, int(h * photo.shape[1] / photo.shape[0]))
        thumb = cv2.resize(photo, (w, h), interpolation=cv2.INTER_AREA)
        out[3 * size : 3 * size + h, side + size : side + size + w] = thumb
    return out


def draw_landscape(size_hw: tuple[int, int], rng: Generator) -> Bgr:
    """Sky, clouds and ground out of noise: textured as a photograph, with nobody in it."""
    height, width = size_hw
    cloud = _noise(size_hw, rng, coarse=4)[..., None]
    blue, white = np.array([235, 170, 90]), np.array([245, 245, 245])
    sky = blue + (white - blue) * cloud.clip(0.35, 1)
    ground = rng.uniform(20, 170, 3) * (0.5 + 0.7 * _noise(size_hw, rng, coarse=24)[..., None])
    line = rng.uniform(0.35, 0.75) + 0.25 * (_noise((1, width), rng, coarse=6) - 0.5)
    is_sky = np.arange(height)[:, None] < line * height
    image = np.where(is_sky[..., None], sky, ground) + rng.normal(0, 4, (*size_hw, 1))
    return image.clip(0, 255).astype(np.uint8)


def _noise(size_hw: tuple[int, int], rng: Generator, coarse: int) -> NDArray[np.float32]:
    """Fractal noise from 0 to 1."""
    total = np.zeros(size_hw, np.float32)
    for octave in range(5):
        cells = coarse * 2**octave
        grid = rng.random((min(cells, size_hw[0]) + 1, cells + 1), np.float32)
        layer = cv2.resize(grid, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
        total += layer / 2**octave
    low, high = total.min(), total.max()
    return (total - low) / max(float(high - low), 1e-6)


def paint(image: Bgr, rng: Generator) -> Bgr:
    """A drawing with shades made of a photograph: few tones, smooth areas, dark outlines."""
    smooth = cv2.pyrMeanShiftFiltering(image, 12, int(rng.integers(25, 45)), maxLevel=2)
    tones = int(rng.integers(6, 12))
    steps = np.arange(256) * tones // 256 * 255 // (tones - 1)
    flat = steps.clip(0, 255).astype(np.uint8)[smooth]
    gray = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 5)
    edges = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 5)
    return np.where(edges[..., None] > 0, flat, flat // 5).astype(np.uint8)


def write_caption(image: Bgr, rng: Generator) -> tuple[Bgr, float]:
    """Large text over a photograph, as on posters and memes.

    Returns:
        tuple: The image, and the share of it that the lines' boxes cover.
    """
    height, width = image.shape[:2]
    sheet = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    canvas = ImageDraw.Draw(sheet)
    size = int(rng.uniform(0.07, 0.12) * width)
    font = _font(size, 1 + int(rng.integers(4)))
    ink = (255, 255, 255) if rng.random() < 0.7 else _color(rng)
    covered = 0.0
    for top in (0.03 * height, 0.95 * height - 2.6 * size):
        for line in range(int(rng.integers(1, 3))):
            text = phrase(rng, 3).upper()
            while font.getlength(text) > 0.96 * width and ' ' in text:
                text = text.rsplit(' ', 1)[0]
            x = (width - font.getlength(text)) / 2
            spot = (x, top + 1.2 * size * line)
            canvas.text(spot, text, fill=ink, font=font, stroke_width=size // 12,
                        stroke_fill=(0, 0, 0))  # fmt: skip
            left, up, right, down = canvas.textbbox(spot, text, font=font)
            covered += (right - left) * (down - up)
    return _bgr(sheet), covered / (height * width)


def add_watermark(image: Bgr, rng: Generator) -> tuple[Bgr, str]:
    """A mark of a photo agency: tiled, in the middle, or in a corner.

    Returns:
        tuple: The image, and which of the three.
    """
    height, width = image.shape[:2]
    kind = str(rng.choice(['tiled', 'middle', 'corner']))
    sheet = Image.new('L', (2 * width, 2 * height))
    mark = ImageDraw.Draw(sheet)
    text = phrase(rng, 2)
    share = {'tiled': 0.05, 'middle': 0.11, 'corner': 0.035}[kind]
    font = _font_of(rng, share * width)
    long, tall = font.getlength(text), 1.3 * share * width
    if kind == 'tiled':
        for y in np.arange(0, 2 * height, 3.2 * tall):
            for x in np.arange((y * 7) % long, 2 * width, 1.5 * long):
                mark.text((x, y), text, fill=255, font=font)
    elif kind == 'middle':
        mark.text((width - long / 2, height - tall / 2), text, fill=255, font=font)
    else:
        corner = (1.5 * width - long - 2 * tall, 1.5 * height - 1.6 * tall)
        mark.text(corner, text, fill=255, font=font)
        x, y = corner
        ring = [x - 1.4 * tall, y - 0.1 * tall, x - 0.3 * tall, y + tall]
        mark.ellipse(ring, outline=255, width=3)
    turn = float(rng.uniform(20, 40)) if kind != 'corner' else 0.0
    cover = np.asarray(sheet.rotate(turn, Image.BILINEAR))
    cover = cover[height // 2 : height // 2 + height, width // 2 : width // 2 + width]
    strength = rng.uniform(0.18, 0.4) if kind != 'corner' else rng.uniform(0.5, 0.9)
    alpha = (cover / 255 * strength)[..., None]
    tone = 255 if rng.random() < 0.7 else 0
    return (image * (1 - alpha) + tone * alpha).astype(np.uint8), kind
