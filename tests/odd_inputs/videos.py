"""Videos of odd kinds."""

import struct
from fractions import Fraction

import av
import numpy as np

from .describe import describe, make_image


def make_video(path, count=5, *, is_turned=False, times=None, codec='mpeg4', **kwargs):
    """A video of the image, 10 frames per second.

    `times` are the seconds of the frames. A video that is turned has its pixels as a camera that
    was held upright stores them. Further arguments are the `pixels` as they are stored, the
    `aspect` of one of them, the display matrix `shown` and whether a `cover` is the first stream.
    """
    pixels = kwargs.get('pixels', np.rot90(np.array(make_image()), int(is_turned)))
    shown = (0, 1, -1, 0) if is_turned else kwargs.get('shown')
    if times is None:
        times = [index / 10 for index in range(count)]
    with av.open(str(path), 'w') as container:
        cover = container.add_stream('mjpeg', rate=10) if kwargs.get('cover') else None
        is_free = codec != 'mpeg2video'  # to have any times
        stream = container.add_stream(codec, rate=10 if is_free else 25)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = 2_000_000
        stream.codec_context.time_base = Fraction(1, 1000 if is_free else 25)
        stream.codec_context.sample_aspect_ratio = kwargs.get('aspect', Fraction(1))
        if cover is not None:
            cover.width = cover.height = 32
            cover.pix_fmt = 'yuvj420p'
            green = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format='rgb24')
            green.pts, green.time_base = 0, Fraction(1, 10)
            container.start_encoding()
            container.mux(cover.encode(green.reformat(format='yuvj420p')))
        container.start_encoding()
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if shown is not None:
        content = path.read_bytes()
        before, after = content.rsplit(matrix(1, 0, 0, 1), 1)
        path.write_bytes(before + matrix(*shown) + after)


def make_hdr_video(path, curve, codes):
    """A video of columns 32 wide, of codes (N, 3), 0 to 1, in BT.2020."""
    pixels = (np.array(codes) * 65535).round().astype(np.uint16)
    pixels = np.tile(np.repeat(pixels, 32, axis=0), (48, 1, 1))
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=10, options={'crf': '2'})
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = 'yuv420p10le'
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, curve, 9
        context.color_range = 1
        frame = av.VideoFrame.from_ndarray(pixels, format='rgb48le')
        frame = frame.reformat(format='yuv420p10le', dst_colorspace=9, dst_color_range=1)
        frame.color_primaries, frame.color_trc, frame.colorspace = 9, curve, 9
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def hdr(folder, curve, code):
    """Describe an HDR video of one code."""
    make_hdr_video(folder / 'clip.mp4', curve, [[code] * 3] * 2)
    return describe('clip.mp4')


def see_through(folder, name, codec, pixel_format):
    """A video that is opaque at the right only, and red everywhere."""
    pixels = np.zeros((48, 64, 4), np.uint8) + np.uint8([200, 40, 40, 0])
    pixels[:, 32:, 3] = 255
    with av.open(str(folder / name), 'w') as container:
        options = {'auto-alt-ref': '0'} if codec == 'libvpx' else {}
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = 48, 64, pixel_format
        frame = av.VideoFrame.from_ndarray(pixels, format='rgba').reformat(format=pixel_format)
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return describe(name)


def matrix(a, b, c, d):
    """How an mp4 file stores what to do with an image."""
    one = 1 << 16
    numbers = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    return struct.pack('>9i', *numbers)


def video(folder, name='clip.mp4', options=None, **kwargs):
    """Make a video and describe what is read."""
    make_video(folder / name, **kwargs)
    return describe(name, **(options or {}))


def cut_video(folder, name, share, count=30):
    """A video whose end is missing: first and last of what is read."""
    make_video(folder / name, count)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    lines = describe(name).split('; ')
    return lines[0] + (' … ' + lines[-1] if len(lines) > 1 else '')


def sound(folder):
    """A file with sound only."""
    with av.open(str(folder / 'a.mp4'), 'w') as container:
        stream = container.add_stream('aac', rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format='fltp', layout='mono'
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return describe('a.mp4')


def damaged(folder):
    """A video with wrong bytes in its middle."""
    make_video(folder / 'a.avi', 20)
    content = bytearray((folder / 'a.avi').read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    (folder / 'a.avi').write_bytes(content)
    lines = describe('a.avi').split('; ')
    return f'{len(lines)} frames'


def written(folder, content):
    """Describe a file with a video's name."""
    (folder / 'a.mp4').write_bytes(content)
    return describe('a.mp4')


def without_suffix(folder):
    """A video whose name does not tell."""
    make_video(folder / 'a.mp4', 1)
    (folder / 'a.mp4').rename(folder / 'a.bin')
    return describe('a.bin')


def raw_video(folder):
    """H.264 without a container, as surveillance cameras record it."""
    with av.open(str(folder / 'a.bin'), 'w', format='h264') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for packet in stream.encode(av.VideoFrame.from_image(make_image())):
            container.mux(packet)
        container.mux(stream.encode())
    return describe('a.bin')


MIRRORED = np.ascontiguousarray(np.array(make_image())[:, ::-1])
TRANSPOSED = np.ascontiguousarray(np.array(make_image()).swapaxes(0, 1))

VIDEOS = {
    'V01': lambda f: video(f, count=2),
    'V02': lambda f: video(f, options=dict(frame_step=2)),
    'V03': lambda f: video(f, options=dict(start_s=0.1, end_s=0.4, max_frames=2)),
    'V04': lambda f: video(f, times=[0, 0.3, 0.35]),
    'V05': lambda f: video(f, count=1, is_turned=True),
    'V06': lambda f: video(f, 'clip.mkv', count=2),
    'V07': lambda f: written(f, b''),
    'V08': lambda f: written(f, b'no video'),
    'V09': lambda f: video(f, 'clip.avi', times=[], count=0),
    'V10': sound,
    'V11': lambda f: cut_video(f, 'a.mp4', 0.5),
    'V12': lambda f: cut_video(f, 'a.mkv', 0.5),
    'V13': damaged,
    'V14': without_suffix,
    'V15': lambda f: describe('webcam:97'),
    'V16': lambda f: video(f, options=dict(max_pixels=100)),
    'V17': lambda f: video(f, count=1, aspect=Fraction(2)),
    'V18': lambda f: video(f, 'tape.mkv', count=1, codec='libx264', aspect=Fraction(3, 4)),
    'V19': lambda f: video(f, count=1, is_turned=True, aspect=Fraction(4, 3)),
    'V20': lambda f: video(f, count=1, pixels=MIRRORED, shown=(-1, 0, 0, 1)),
    'V21': lambda f: video(f, count=1, pixels=TRANSPOSED, shown=(0, 1, 1, 0)),
    'V22': lambda f: video(f, 'a.mkv', count=1, cover=True),
    'V23': lambda f: hdr(f, 16, 0.508),
    'V24': lambda f: hdr(f, 18, 0.5),
    'V25': lambda f: see_through(f, 'a.webm', 'libvpx-vp9', 'yuva420p'),
    'V26': lambda f: see_through(f, 'a.mov', 'qtrle', 'argb'),
    'V27': lambda f: video(f, 'a.vob', count=1, codec='mpeg2video'),
    'V29': lambda f: raw_video(f),
    'V28': lambda f: video(f, count=1, aspect=Fraction(2), options=dict(max_pixels=4000)),
}
