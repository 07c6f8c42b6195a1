"""What a source consists of: images, videos, cameras.

An entry knows its name and where it is; it is read when its turn comes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.read_errors import MissingInputError, ReadError
from ..structures.results import Image, LazyImage, ReadFailure
from .arrays import array_to_bgr
from .decoding import decode_image, image_to_bgr
from .downloads import fetch
from .read_options import ReadOptions
from .video_reader import VideoFrame, VideoReader, is_video_content, is_video_file
from .webcam import read_camera


@dataclass(frozen=True)
class Progress:
    """What a run has already done.

    Args:
        skip (Callable): Whether the image of a name and source needs nothing more.
        resume (Callable): The first frame of the video of a name and source that is still needed; 0
            for all, None for none.
    """

    skip: Callable[[str, str], bool] = lambda name, source: False
    resume: Callable[[str, str], int | None] = lambda name, source: 0


Read = Iterator[Image | ReadFailure | LazyImage]


def read_file(path: Path, name: str, options: ReadOptions, progress: Progress) -> Read:
    """An image or the frames of a video file."""
    source = str(path)
    if is_video_file(path):
        first = progress.resume(name, source)
        if first is not None:
            yield from _read_video(path, name, source, options, first)
        return
    if progress.skip(name, source):
        return
    yield LazyImage(name, source, lambda: decode_image(_bytes(path), source, options))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingInputError(f'{path} does not exist. Check the path.') from None
    except OSError as error:
        raise ReadError(f'{path} cannot be read: {error.strerror or error}') from error


def read_url(url: str, name: str, options: ReadOptions, progress: Progress) -> Read:
    """An image or video from the web."""
    first = progress.resume(name, url)
    if first is None or progress.skip(name, url):
        return
    try:
        content = fetch(url, options)
    except ReadError as error:
        yield ReadFailure(name, url, str(error))
        return
    if is_video_content(content[:16]):
        yield from _read_video(content, name, url, options, first)
    else:
        yield LazyImage(name, url, lambda: decode_image(content, url, options))


def _read_video(
    content: Path | bytes, name: str, source: str, options: ReadOptions, first: int
) -> Read:
    try:
        reader = VideoReader(content, source, options)
        for frame in reader.read(first):
            yield _frame_of(frame, name, source, reader.fps)
        if reader.skipped_damage:
            warnings.warn(
                f'{source}: {reader.skipped_damage} damaged pieces were left '
                'out; frames may be missing there.',
                stacklevel=2,
            )
    except ReadError as error:
        yield ReadFailure(name, source, str(error))
    except OSError as error:
        yield ReadFailure(name, source, f'{source} cannot be read: {error}')


def _frame_of(frame: VideoFrame, name: str, source: str, fps: float | None = None) -> Image:
    return Image(
        frame.image, f'{name}/{frame.index:06d}', source, frame.index, frame.time_s, name, fps
    )


def read_webcam(number: int, name: str, options: ReadOptions) -> Read:
    """The frames of a camera."""
    source = f'webcam:{number}'
    try:
        for frame in read_camera(number, options):
            yield _frame_of(frame, name, source)
    except ReadError as error:
        yield ReadFailure(name, source, str(error))


def read_array(
    array: NDArray, name: str, source: str, options: ReadOptions, progress: Progress
) -> Read:
    """An image that the caller has as an array."""

    def decode() -> NDArray:
        image = array_to_bgr(
            array,
            source,
            channel_order=options.channel_order,
            alpha_background=options.alpha_background,
        )
        # The caller may write the next image into the same array.
        return image.copy() if np.may_share_memory(image, array) else image

    if not progress.skip(name, source):
        yield LazyImage(name, source, decode).read()


def read_image(
    image: Any, name: str, source: str, options: ReadOptions, progress: Progress
) -> Read:
    """An image that the caller has as one of Pillow."""
    if not progress.skip(name, source):
        yield LazyImage(name, source, lambda: image_to_bgr(image, source, options)).read()
