"""Frames of a video file, one at a time, as a player shows them and as images are read."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import ReadError
from .images import array_to_bgr
from .listing import is_video_name
from .read_options import DEFAULTS, ReadOptions

_STILL_BRANDS = (b'avif', b'avis', b'heic', b'heix', b'mif1', b'msf1')
_DEFAULT, _COVERS = 0x0001, 0x0400 | 0x0800
"""Dispositions of the stream that players show, and of attached pictures and thumbnails."""
_STILL_CODECS = ('mjpeg', 'png', 'bmp', 'gif', 'webp')
"""Of covers, where another stream is a video."""
_MAX_DAMAGE = 10000
PQ, HLG = 16, 18
"""Transfer curves of HDR, as files number them."""
WHITE_NITS = 203
"""Luminance of white paper in HDR, ITU-R BT.2408, which becomes 255."""
_GAMMA = 2.4
_BT2020, _P3 = 9, 12
_TO_BT709: dict[int, NDArray] = {
    1: np.eye(3),
    _BT2020: np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    ),
    _P3: np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]),
}
"""Primaries, as files number them -> their linear R, G, B as those of BT.709."""


def is_video_content(head: bytes) -> bool:
    """Whether a file starts like a video in one of the common containers, or a playlist."""
    if head[4:8] == b'ftyp':
        return head[8:12] not in _STILL_BRANDS
    is_avi = head.startswith(b'RIFF') and head[8:12] == b'AVI '
    starts = b'\x1a\x45\xdf\xa3', b'FLV', b'\0\0\1\xba', b'0&\xb2u', b'#EXTM3U'
    # H.264 and HEVC without a container, as cameras record them: a first unit of a known kind.
    is_raw = head.startswith(b'\0\0\0\1') and head[4:5] in b'\x09\x27\x40\x46\x47\x67'
    return is_avi or is_raw or head.startswith(starts)


def is_video_file(path: Path) -> bool:
    """Whether a file is a video, by its name or else its first bytes."""
    if is_video_name(path):
        return True
    try:
        if not path.is_file():  # a pipe would wait
            return False
        with open(path, 'rb') as file:
            return is_video_content(file.read(16))
    except OSError:
        return False


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a video, BGR, uint8 (H, W, 3) and upright; the index in its file, from 0."""

    image: NDArray
    index: int
    time_s: float
    """Seconds since the first frame."""


def open_video(content: Path | bytes | str, source: str, options: ReadOptions) -> tuple[Any, Any]:
    """The container of PyAV, and its stream of images, of what messages call ``source``."""
    import av

    if not (content.stat().st_size if isinstance(content, Path) else content):
        raise ReadError(f'{source} is an empty file')
    arguments: dict[str, Any] = {}
    if isinstance(content, str):
        arguments = dict(timeout=options.timeout_s, options=dict(rtsp_flags='prefer_tcp'))
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        container = av.open(file, **arguments)
        if not container.streams:
            raise ValueError('it has no streams')
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        text = f'{source} is no video that can be read, or was cut short: {reason}'
        text += '. Copy it again, or convert it to mp4.'
        if isinstance(content, str):
            text = f'{source} gives no video: {reason} (`timeout_s` is {options.timeout_s:g})'
            text += '. Check the address, and that it plays elsewhere.'
        raise ReadError(text) from error
    found = [one for one in container.streams.video if not int(one.disposition) & _COVERS]
    if not found:
        container.close()
        raise ReadError(f'{source} has no images, only sound')

    def rank(one: Any) -> tuple[bool, bool]:
        is_default = int(one.disposition) & _DEFAULT
        return not is_default, one.codec_context.name in _STILL_CODECS

    stream = min(found, key=rank)
    context = stream.codec_context
    width, height = max(1, round(context.width * pixel_aspect(stream))), context.height
    if width * height > options.max_pixels:
        container.close()
        limit = f'more than `max_pixels` ({options.max_pixels})'
        raise ReadError(f'{source} has frames of {width} x {height} pixels, {limit}')
    return container, stream


def pixel_aspect(stream: Any) -> float:
    """Width of the pixels of a stream by their height."""
    return float(stream.sample_aspect_ratio or 1)


def decoded(container: Any, stream: Any, on_damage: Callable[[Exception], None]) -> Iterator[Any]:
    """Frames of PyAV, without packets that are damaged."""
    import av

    stream.thread_type = 'AUTO'
    decoder = stream.codec_context
    if stream.metadata.get('alpha_mode') == '1':  # the usual decoder leaves opacity out
        with_opacity = dict(vp8='libvpx', vp9='libvpx-vp9').get(decoder.name)
        if with_opacity in av.codecs_available:
            decoder = av.CodecContext.create(with_opacity, 'r')
    packets, damage = container.demux(stream), 0
    while damage <= _MAX_DAMAGE:
        try:
            packet = next(packets)
            if packet.size or packet.pts is None:  # an empty one says to go on showing the last
                yield from decoder.decode(packet)
        except (StopIteration, av.error.EOFError):
            return
        except av.FFmpegError as error:
            damage += 1
            on_damage(error)


class VideoReader:
    """Reads a video from its beginning, in constant memory; arguments as of :func:`open_video`.

    ``fps`` is the average rate, 25 if unknown; ``num_frames`` estimates the frames that will be
    read, if known; ``skipped_damage`` counts damaged packets that are left out.
    """

    def __init__(
        self, content: Path | bytes | str, source: str, options: ReadOptions = DEFAULTS
    ) -> None:
        self.content, self.source, self.options = content, source, options
        self.skipped_damage = 0
        container, stream = open_video(content, source, options)
        with container:
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else 25.0
            self.num_frames = self._count(stream.frames)

    def _count(self, total: int) -> int | None:
        options = self.options
        if not total:
            return None
        first, last = (
            total if time is None else min(total, int(np.ceil(time * self.fps - 1e-6)))
            for time in (options.start_s, options.end_s)
        )
        count = len(range(first, last, options.frame_step))
        return min(count, options.max_frames or count)

    def _note_damage(self, error: Exception) -> None:
        self.skipped_damage += 1

    def read(self, first_index: int = 0) -> Iterator[VideoFrame]:
        """The frames that the options choose, in order; a ReadError if not one could be decoded.
        Those before ``first_index`` are passed over, but count for ``frame_step`` and
        ``max_frames``.
        """
        options, chosen, index, start = self.options, 0, -1, None
        offset: int | None = None
        container, stream = open_video(self.content, self.source, options)
        aspect = pixel_aspect(stream)
        with container:
            for index, frame in enumerate(decoded(container, stream, self._note_damage)):
                if start is None:
                    start = frame.time or 0.0
                time = frame.time
                time_s = index / self.fps if time is None else time - start
                if time_s < options.start_s - 1e-6:
                    continue
                if options.end_s is not None and time_s >= options.end_s:
                    break
                offset = index if offset is None else offset
                if (index - offset) % options.frame_step:
                    continue
                if chosen == options.max_frames:
                    break
                chosen += 1
                if index >= first_index:
                    yield VideoFrame(frame_to_bgr(frame, aspect, options), index, time_s)
        if index < 0:
            text = f'{self.source} has no frame that can be decoded'
            raise ReadError(f'{text}. Check that it plays, or convert it to mp4.')


def frame_to_bgr(frame: Any, pixel_aspect: float = 1, options: ReadOptions = DEFAULTS) -> NDArray:
    """A frame of PyAV as BGR, uint8 (H, W, 3): of square pixels (``pixel_aspect`` is width by
    height), mirrored and turned as its metadata says, without HDR and wide colors, laid over
    ``alpha_background``.
    """
    if frame.color_trc in (PQ, HLG) or frame.color_primaries in (_BT2020, _P3):
        image = _wide_to_bgr(frame)
    elif any(part.is_alpha for part in frame.format.components):
        behind = options.alpha_background
        image = array_to_bgr(frame.to_ndarray(format='bgra'), 'frame', alpha_background=behind)
    else:
        image = frame.to_ndarray(format='bgr24')
    width = max(1, round(image.shape[1] * pixel_aspect))
    if width != image.shape[1]:
        shrinks = width < image.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, (width, len(image)), interpolation=method)
    return np.ascontiguousarray(_placed(image, frame))


def _placed(image: NDArray, frame: Any) -> NDArray:
    """An image mirrored and turned by the display matrix, to the nearest quarter of a turn."""
    stored = frame.side_data.get('DISPLAYMATRIX')
    if stored is None:
        return image
    # A pixel x, y is shown at a x + c y, b x + d y.
    a, b, _, c, d = np.frombuffer(bytes(stored), '<i4')[:5].tolist()
    if abs(b) > abs(a):
        image, a, d = image.swapaxes(0, 1), c, b
    return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _wide_to_bgr(frame: Any) -> NDArray:
    """HDR or wide colors as BT.709: white paper becomes 255, and what is brighter as well."""
    codes = frame.to_ndarray(format='rgb48le')
    to_bt709 = _TO_BT709.get(frame.color_primaries, _TO_BT709[_BT2020])
    light: NDArray = np.take(_light_of_code(int(frame.color_trc)), codes)
    if frame.color_trc == HLG:  # a display is brighter where the image is
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (1000 / WHITE_NITS * luminance**0.2)[..., None]
    linear = cv2.transform(light, to_bt709[::-1].astype(np.float32))  # to B, G, R
    levels = np.linspace(0, 1, 1 << 16) ** (1 / _GAMMA) * 255 + 0.5
    found: NDArray = levels.astype(np.uint8)[(linear.clip(0, 1) * 65535 + 0.5).astype(np.uint16)]
    return found


@cache
def _light_of_code(curve: int) -> NDArray:
    """Light of each 16-bit value (65536,), as share of white paper, of HLG of the brightest."""
    code = np.linspace(0, 1, 1 << 16)
    if curve == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    elif curve == PQ:
        root = code ** (1 / 78.84375)
        share = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        light = share ** (1 / 0.1593017578125) * 10000 / WHITE_NITS
    else:
        light = code**_GAMMA
    return light.astype(np.float32)
