"""Cameras and streams: always the newest frame, until they end or are no longer asked."""

import queue
import re
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ReadError
from ..core.stopping import is_stopped
from .read_options import DEFAULTS, ReadOptions
from .videos import VideoFrame, VideoReader, decoded, frame_to_bgr, open_video, pixel_aspect

T = TypeVar('T')
_LOOK_S = 0.2
"""Seconds after which somebody who waits for a frame looks whether it is still wanted."""
_CAMERA = re.compile(r'(?:webcam:?|/dev/video)?(\d+)|webcam')


def camera_number(text: str) -> int | None:
    """The number in 'webcam', 'webcam:1', '1' or '/dev/video1'; None for any other text or file."""
    match = _CAMERA.fullmatch(text)
    path = Path(text)
    if match is None or (path.exists() and not path.is_char_device()):
        return None
    return int(match[1] or 0)


def newest(items: Iterator[T]) -> Generator[T, None, None]:
    """The newest item whenever one is asked for; those that came in between are dropped."""
    latest: queue.Queue[Any] = queue.Queue()
    end, stopped = object(), threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        try:
            with closing(items) if isinstance(items, Generator) else nullcontext():
                for item in items:
                    with suppress(queue.Empty):
                        latest.get_nowait()
                    latest.put(item)
                    if stopped.is_set():
                        break
        except Exception as error:
            errors.append(error)
        latest.put(end)

    thread = threading.Thread(target=work, name='mmsapiens-live', daemon=True)
    thread.start()
    try:
        while not is_stopped():
            try:
                item = latest.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if item is end:
                break
            yield item
        if errors:
            raise errors[0]
    finally:
        stopped.set()
        thread.join(1)  # it may wait for a frame that never comes


def _chosen(frames: Iterator[Any], options: ReadOptions) -> Iterator[tuple[int, float, Any]]:
    """Number, seconds since the first and content of those frames that the options choose."""

    def stepped() -> Iterator[tuple[float, Any]]:
        for count, frame in enumerate(frames):
            if count % options.frame_step == 0:
                yield time.monotonic(), frame

    start, chosen = None, 0
    for now, frame in newest(stepped()):
        start = now if start is None else start
        if options.end_s is not None and now - start >= options.end_s:
            return
        if now - start >= options.start_s:
            yield chosen * options.frame_step, now - start, frame
            chosen += 1
            if chosen == options.max_frames:
                return


def read_camera(number: int, options: ReadOptions = DEFAULTS) -> Iterator[VideoFrame]:
    """Frames of a camera until it stops; if it gives none, a ReadError."""
    index = -1
    for index, time_s, image in _chosen(_camera_frames(number), options):
        yield VideoFrame(image, index, time_s)
    if index < 0:
        remedy = 'Check that it is connected, that no other program uses it, and its number.'
        raise ReadError(f'the camera {number} cannot be opened. {remedy}')


def _camera_frames(number: int) -> Iterator[NDArray]:
    import cv2

    camera = cv2.VideoCapture(number)
    try:
        while camera.isOpened():
            found, image = camera.read()
            if not found:
                return
            yield np.ascontiguousarray(image)
    finally:
        camera.release()


def read_stream(url: str, source: str, options: ReadOptions = DEFAULTS) -> Iterator[VideoFrame]:
    """Frames of a stream until it ends, or a ReadError; a playlist with an end is a file."""
    container, stream = open_video(url, source, options)
    if container.duration and url.lower().startswith('http'):
        container.close()
        yield from VideoReader(url, source, options).read()
        return

    def frames() -> Iterator[Any]:
        import av

        broken = (ConnectionError, TimeoutError, av.error.ExitError)
        errors: list[Exception] = []
        with container:
            yield from decoded(container, stream, errors.append)
        if errors and isinstance(errors[-1], broken):
            raise ReadError(f'{source} broke off ({errors[-1]}). Run again for what follows.')

    index, aspect = -1, pixel_aspect(stream)
    for index, time_s, frame in _chosen(frames(), options):
        yield VideoFrame(frame_to_bgr(frame, aspect, options), index, time_s)
    if index < 0:
        raise ReadError(f'{source} has no frame that can be decoded. Check that it plays.')
