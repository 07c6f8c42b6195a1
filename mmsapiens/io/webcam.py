"""Images of a camera."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from ..core.read_errors import ReadError
from .read_options import DEFAULTS, ReadOptions
from .video_reader import VideoFrame

_NAME = re.compile(r'webcam(?::(\d+))?')


def camera_number(text: str) -> int | None:
    """The number in 'webcam' or 'webcam:1'; None for any other text."""
    match = _NAME.fullmatch(text)
    return int(match[1] or 0) if match else None


def read_camera(number: int, options: ReadOptions = DEFAULTS) -> Iterator[VideoFrame]:
    """Frames of a camera until it stops.

    Args:
        number (int): Of the camera, from 0.
        options (ReadOptions): ``frame_step``, ``end_s`` and ``max_frames``.

    Yields:
        VideoFrame: With the seconds since the first frame.

    Raises:
        ReadError: If there is no such camera, or if it gives nothing.
    """
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
            if chosen == options.max_frames or (
                options.end_s is not None and time_s >= options.end_s
            ):
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
