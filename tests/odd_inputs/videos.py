"""Videos of odd kinds."""

import struct
from fractions import Fraction

import av
import numpy as np

from .describe import describe, make_image


def make_video(path, count=5, *, is_turned=False, times=None, codec='mpeg4'):
    """A video of the image, 10 frames per second.

    `times` are the seconds of the frames. A video that is turned has its pixels as a camera that
    was held upright stores them.
    """
    pixels = np.rot90(np.array(make_image()), int(is_turned))
    if times is None:
        times = [index / 10 for index in range(count)]
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = 2_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        container.start_encoding()
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if is_turned:
        content = path.read_bytes()
        before, after = content.rsplit(matrix(1, 0, 0, 1), 1)
        path.write_bytes(before + matrix(0, 1, -1, 0) + after)


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
}
