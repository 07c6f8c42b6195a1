"""Frames of a video file or camera, one at a time."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ReadError
from .listing import is_video_name
from .read_options import DEFAULTS, ReadOptions

_CAMERA = re.compile(r'webcam(?::(\d+))?')
_STILL_BRANDS = (b'avif', b'avis', b'heic', b'heix', b'mif1', b'msf1')


def is_video_content(head: bytes) -> bool:
    """Whether a file starts like a video in one of the common containers."""
    if head[4:8] == b'ftyp':
        return head[8:12] not in _STILL_BRANDS
    is_avi = head.startswith(b'RIFF') and head[8:12] == b'AVI '
    return is_avi or head.startswith((b'\x1a\x45\xdf\xa3', b'FLV'))


def is_video_file(path: Path) -> bool:
    """Whether a file is a video, by its name or else its first bytes."""
    if is_video_name(path):
        return True
    try:
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


class VideoReader:
    """Reads a video, a file or its content, from its beginning, in constant memory.

    ``source`` is for messages. ``fps`` is the average rate, 25 if the file does not say;
    ``num_frames`` estimates the frames that will be read, None if the file does not say;
    ``skipped_damage`` counts damaged packets, which are left out. What is no video that can be
    decoded is a ReadError.
    """

    def __init__(self, content: Path | bytes, source: str, options: ReadOptions = DEFAULTS) -> None:
        self.content, self.source, self.options = content, source, options
        self.skipped_damage = 0
        with self._open() as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            if context.width * context.height > options.max_pixels:
                raise ReadError(
                    f'{source} has frames of {context.width} x {context.height} pixels, more '
                    f'than `max_pixels` ({options.max_pixels})'
                )
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else 25.0
            self.num_frames = self._count(stream.frames)

    def _count(self, total: int) -> int | None:
        options = self.options
        if not total:
            return None
        last = total
        if options.end_s is not None:
            last = min(total, int(np.ceil(options.end_s * self.fps - 1e-6)))
        first = int(np.ceil(options.start_s * self.fps - 1e-6))
        count = len(range(first, last, options.frame_step))
        return min(count, options.max_frames or count)

    def _open(self) -> Any:
        import av

        content = self.content
        if not (content.stat().st_size if isinstance(content, Path) else content):
            raise ReadError(f'{self.source} is an empty file')
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        try:
            container = av.open(file)
            if not container.streams:
                raise ValueError('it has no streams')
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, 'strerror', None) or error
            text = f'{self.source} is no video that can be read, or was cut short: {reason}'
            raise ReadError(f'{text}. Copy it again, or convert it to mp4.') from error
        if not container.streams.video:
            container.close()
            raise ReadError(f'{self.source} has no images, only sound')
        return container

    def read(self, first_index: int = 0) -> Iterator[VideoFrame]:
        """The frames that the options choose, in order.

        Frames before ``first_index`` are passed over, but count for ``frame_step`` and
        ``max_frames``. If not one frame could be decoded, a ReadError ends them.
        """
        options, chosen, index, start = self.options, 0, -1, None
        offset: int | None = None
        with self._open() as container:
            for index, frame in enumerate(self._decode(container)):
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
                    yield VideoFrame(_upright(frame), index, time_s)
        if index < 0:
            text = f'{self.source} has no frame that can be decoded'
            raise ReadError(f'{text}. Check that it plays, or convert it to mp4.')

    def _decode(self, container: Any) -> Iterator[Any]:
        """Frames of a container without its damaged packets."""
        import av

        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                yield from packet.decode()
            except (StopIteration, av.error.EOFError):
                return
            except av.FFmpegError:
                self.skipped_damage += 1
                if self.skipped_damage > 10000:
                    return


def _upright(frame: Any) -> NDArray:
    """A frame as BGR, turned as its metadata says."""
    image = frame.to_ndarray(format='bgr24')
    quarter_turns = round(frame.rotation / 90) % 4  # counterclockwise
    return np.ascontiguousarray(np.rot90(image, quarter_turns))


def camera_number(text: str) -> int | None:
    """The number in 'webcam' or 'webcam:1'; None for any other text."""
    match = _CAMERA.fullmatch(text)
    return int(match[1] or 0) if match else None


def read_camera(number: int, options: ReadOptions = DEFAULTS) -> Iterator[VideoFrame]:
    """Frames of a camera until it stops; if it gives none, a ReadError."""
    import cv2

    camera = cv2.VideoCapture(number)
    started, index, chosen = time.monotonic(), -1, 0
    try:
        while camera.isOpened():
            found, image = camera.read()
            time_s = time.monotonic() - started
            if not found:
                break
            if index < 0:
                started, time_s = time.monotonic(), 0.0
            index += 1
            is_over = options.end_s is not None and time_s >= options.end_s
            if is_over or chosen == options.max_frames:
                return
            if index % options.frame_step == 0:
                chosen += 1
                yield VideoFrame(image, index, time_s)
    finally:
        camera.release()
    if index < 0:
        raise ReadError(
            f'the camera {number} cannot be opened. Check that it is '
            'connected, that no other program uses it, and its number.'
        )
