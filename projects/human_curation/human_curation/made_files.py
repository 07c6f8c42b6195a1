"""Files of a made pool that are odd but whole, cut short, or carry marks of their owners."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Bgr = NDArray[np.uint8]

OPT_OUT = (
    'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
    'plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"'
)
GENERATED = (
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType='
    '"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"'
)


def jpeg(image: Bgr, quality: int = 90) -> bytes:
    """A JPEG file."""
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def png(image: NDArray) -> bytes:
    """A PNG file, 8 or 16 bits as the array has."""
    return cv2.imencode('.png', image)[1].tobytes()


def mark_xmp(content: bytes, attributes: str) -> bytes:
    """A JPEG with a packet of XMP behind its first marker."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'{attributes}/></rdf:RDF></x:xmpmeta>'
    )
    body = b'http://ns.adobe.com/xap/1.0/\x00' + packet.encode()
    return content[:2] + b'\xff\xe1' + struct.pack('>H', len(body) + 2) + body + content[2:]


def _saved(image: Bgr, kind: str, mode: str | None = None, **options: object) -> bytes:
    whole = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    sink = io.BytesIO()
    (whole.convert(mode) if mode else whole).save(sink, kind, **options)
    return sink.getvalue()


def _lying(image: Bgr) -> bytes:
    """Stored on its side, with the EXIF orientation that turns it upright again."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(image)  # orientation 6: turn clockwise to show
    return _saved(stored, 'JPEG', exif=exif, quality=90)


def _animated(image: Bgr, kind: str) -> bytes:
    frames = [Image.fromarray(np.ascontiguousarray(np.roll(image, n, 1)[..., ::-1]))
              for n in (0, 8)]  # fmt: skip
    sink = io.BytesIO()
    frames[0].save(sink, kind, save_all=True, append_images=frames[1:], duration=200)
    return sink.getvalue()


ODD: dict[str, tuple[str, Callable[[Bgr], bytes]]] = {
    '16-bit PNG': ('.png', lambda image: png(image.astype(np.uint16) * 257)),
    'gray JPEG': ('.jpg', lambda image: _saved(image, 'JPEG', 'L', quality=90)),
    'CMYK JPEG': ('.jpg', lambda image: _saved(image, 'JPEG', 'CMYK', quality=90)),
    'palette PNG': ('.png', lambda image: _saved(image, 'PNG', 'P')),
    'PNG with opacity': ('.png', lambda image: _saved(image, 'PNG', 'RGBA')),
    'animated WebP': ('.webp', lambda image: _animated(image, 'WEBP')),
    'GIF named .jpg': ('.jpg', lambda image: _saved(image, 'GIF')),
    'WebP': ('.webp', lambda image: _saved(image, 'WEBP', quality=85)),
    'lying JPEG': ('.jpg', _lying),
    'progressive JPEG': ('.jpg', lambda image: _saved(image, 'JPEG', progressive=True)),
    'TIFF': ('.tif', lambda image: _saved(image, 'TIFF', compression='tiff_lzw')),
    'BMP': ('.bmp', lambda image: _saved(image, 'BMP')),
    'PNG named .jpg': ('.jpg', png),
    'JPEG with a tail': ('.jpg', lambda image: jpeg(image) + b'\x00' * 37),
}
"""Whole images of rare kinds: suffix, and how the file is made."""

BROKEN: dict[str, tuple[str, Callable[[Bgr, Generator], bytes]]] = {
    'cut JPEG': ('.jpg', lambda image, rng: _cut(jpeg(image), rng)),
    'cut PNG': ('.png', lambda image, rng: _cut(png(image), rng)),
    'cut WebP': ('.webp', lambda image, rng: _cut(_saved(image, 'WEBP', quality=85), rng)),
    'cut JPEG with an end': ('.jpg', lambda image, rng: _cut(jpeg(image), rng) + b'\xff\xd9'),
    'half zeros': ('.jpg', lambda image, rng: _zeros(jpeg(image))),
    'empty file': ('.jpg', lambda image, rng: b''),
    'web page': ('.jpg', lambda image, rng: b'<!DOCTYPE html><title>404 Not Found</title>'),
    'noise': ('.jpg', lambda image, rng: rng.bytes(5000)),
    'header only': ('.jpg', lambda image, rng: jpeg(image)[:200]),
}
"""Files that are no whole images: suffix, and how the file is made."""


def _cut(content: bytes, rng: Generator) -> bytes:
    return content[: int(len(content) * rng.uniform(0.3, 0.85))]


def _zeros(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + b'\x00' * (len(content) - half)
