"""Images of odd formats, sizes and states."""

import gzip
import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

from .describe import describe, make_image


def saved(folder, name, image=None, **options):
    """Save an image of Pillow and describe what is read."""
    (image or make_image()).save(folder / name, **options)
    return describe(name)


def written(folder, name, content, **options):
    """Write bytes and describe what is read."""
    (folder / name).write_bytes(content)
    return describe(name, **options)


def encoded(format_name, image=None, **options):
    """Bytes of a file."""
    buffer = io.BytesIO()
    (image or make_image()).save(buffer, format_name, **options)
    return buffer.getvalue()


def turned(orientation):
    """A file whose pixels lie as a camera held that way stores them."""
    back = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        5: Image.Transpose.TRANSPOSE,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = make_image().transpose(back[orientation])
    return dict(image=stored, exif=exif)


def deep(array, suffix='.png'):
    """Bytes of a file by OpenCV, BGR."""
    return cv2.imencode(suffix, array)[1].tobytes()


def see_through():
    """An image that is opaque red at the left only."""
    image = make_image(64, 48).convert('RGBA')
    image.putalpha(0)
    image.paste((200, 40, 40, 255), (32, 0, 64, 48))
    return image


def motion_photo():
    """A whole JPEG, then what a phone appends: here marks of a JPEG."""
    return encoded('JPEG', quality=95) + b'ftypmp42' + b'\xff\xda' * 20


def cut(format_name):
    """A file whose second half is missing."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8)
    content = encoded(format_name, Image.fromarray(noise))
    return content[: len(content) // 2]


def bomb():
    """The beginning of a PNG of 60000 x 60000 pixels."""
    header = b'IHDR' + struct.pack('>IIBBBBB', 60000, 60000, 8, 2, 0, 0, 0)
    check = struct.pack('>I', zlib.crc32(header))
    data = b'\0\0\0\0IDAT' + struct.pack('>I', zlib.crc32(b'IDAT'))
    return b'\x89PNG\r\n\x1a\n\0\0\0\r' + header + check + data


def animation():
    """Two frames: red and blue, then all blue."""
    frames = [make_image(), Image.new('RGB', (64, 48), (40, 80, 200))]
    return encoded('GIF', frames[0], save_all=True, append_images=frames[1:])


def png(colors, kind, depth=8, parts=()):
    """A PNG part by part, for what Pillow does not write: color type, bits, and further parts."""

    def part(name, data):
        check = zlib.crc32(name + data).to_bytes(4, 'big')
        return len(data).to_bytes(4, 'big') + name + data + check

    height, width = colors.shape[:2]
    header = struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)
    rows = b''.join(b'\0' + row.astype(f'>u{depth // 8}').tobytes() for row in colors)
    content = b'\x89PNG\r\n\x1a\n' + part(b'IHDR', header) + b''.join(part(*each) for each in parts)
    return content + part(b'IDAT', zlib.compress(rows)) + part(b'IEND', b'')


def clear_png(mode, scale=1):
    """A PNG whose red, or gray of it, is named as transparent in a chunk of its own."""
    colors = np.array(make_image().convert(mode)).astype(np.uint16) * scale
    clear = np.atleast_1d(colors[0, 0]).astype('>u2').tobytes()
    return png(colors, 2 if mode == 'RGB' else 0, 8 if scale == 1 else 16, [(b'tRNS', clear)])


def comment_png():
    """A PNG whose comment has another checksum; OpenCV and browsers show it."""
    content = png(np.array(make_image()), 2, parts=[(b'tEXt', b'Comment\0hello')])
    return content.replace(b'hello', b'jello')


def jpeg_12():
    """The header of a JPEG of 12 bits."""
    content = encoded('JPEG')
    frame = content.index(b'\xff\xc0')
    return (
        content[: frame + 1]
        + b'\xc1'
        + content[frame + 2 : frame + 4]
        + b'\x0c'
        + content[frame + 5 :]
    )


def floating_tiff():
    """A TIFF of three floating point colors."""
    return cv2.imencode('.tiff', np.full((48, 64, 3), 0.5, np.float32))[1].tobytes()


GREY16 = np.full((48, 64), 20560, np.uint16)  # 80 * 257
COLOR16 = np.zeros((48, 64, 3), np.uint16) + np.uint16([40, 40, 200]) * 257
HEIC = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic'

IMAGES = {
    'P01': lambda f: saved(f, 'a.jpg', quality=95),
    'P02': lambda f: saved(f, 'a.jpg', quality=95, **turned(6)),
    'P03': lambda f: saved(f, 'a.jpg', quality=95, **turned(3)),
    'P04': lambda f: saved(f, 'a.png', **turned(6)),
    'P05': lambda f: saved(f, 'a.webp', quality=95, **turned(5)),
    'P06': lambda f: saved(f, 'a.jpg', Image.new('L', (64, 48), 80)),
    'P07': lambda f: saved(f, 'a.png', see_through()),
    'P08': lambda f: saved(f, 'a.png', make_image().convert('P')),
    'P09': lambda f: saved(f, 'a.png', see_through().convert('P'), transparency=0),
    'P10': lambda f: saved(f, 'a.png', Image.new('1', (64, 48), 1)),
    'P11': lambda f: saved(f, 'a.jpg', make_image().convert('CMYK'), quality=95),
    'P12': lambda f: written(f, 'a.png', deep(GREY16)),
    'P13': lambda f: written(f, 'a.png', deep(COLOR16)),
    'P14': lambda f: saved(f, 'a.tif', Image.fromarray(GREY16)),
    'P15': lambda f: saved(f, 'a.tif', Image.fromarray(np.full((48, 64), 0.5, np.float32))),
    'P16': lambda f: saved(f, 'a.tif', Image.fromarray(np.full((48, 64), 1000, np.float32))),
    'P17': lambda f: saved(f, 'a.png', make_image(1, 1)),
    'P18': lambda f: saved(f, 'a.png', make_image(3000, 2)),
    'P19': lambda f: written(f, 'a.png', bomb()),
    'P20': lambda f: written(f, 'a.png', encoded('PNG'), max_pixels=1000),
    'P21': lambda f: written(f, 'a.gif', animation()),
    'P22': lambda f: saved(f, 'a.avif', quality=95),
    'P23': lambda f: written(f, 'a.heic', HEIC),
    'P24': lambda f: written(f, 'a.png', encoded('JPEG', quality=95)),
    'P25': lambda f: written(f, 'a.jpg', cut('JPEG')),
    'P26': lambda f: written(f, 'a.png', cut('PNG')),
    'P27': lambda f: written(f, 'a.webp', cut('WEBP')),
    'P28': lambda f: written(f, 'a.jpg', motion_photo()),
    'P29': lambda f: written(f, 'a.jpg', b''),
    'P30': lambda f: written(f, 'a.jpg', b'a list of images'),
    'P31': lambda f: written(f, 'a.jpg', b'version https://git-lfs.github.com/spec/v1\n'),
    'P32': lambda f: written(f, 'a.svg', b'<svg xmlns="..."></svg>'),
    'P33': lambda f: saved(f, 'a.bmp'),
    'P34': lambda f: saved(f, 'a.avif', quality=95, **turned(6)),
    'P35': lambda f: written(f, 'a.png', clear_png('L')),
    'P36': lambda f: written(f, 'a.png', clear_png('RGB')),
    'P37': lambda f: written(f, 'a.png', clear_png('L', 257)),
    'P38': lambda f: written(f, 'a.png', comment_png()),
    'P39': lambda f: written(f, 'a.jpg', encoded('JPEG', quality=95)[:-2]),
    'P40': lambda f: written(f, 'a.tif', floating_tiff()),
    'P41': lambda f: written(f, 'a.jpg', jpeg_12()),
    'P42': lambda f: written(f, 'a.jpg', gzip.compress(encoded('JPEG'))),
    'P43': lambda f: written(
        f, 'a.pam', b'P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nENDHDR\n...'
    ),
    'P44': lambda f: written(f, 'a.pgm', b'P5\n1 1\n1023\n\x01\x41'),
}
