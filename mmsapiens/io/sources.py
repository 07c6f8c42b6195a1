"""Anything that shows people, as one stream of images.

======================  ==================================================
Input                   Names of its results
======================  ==================================================
file                    its stem
folder                  path below the folder, without the suffix
pattern (``*.jpg``)     path below what is in front of the first wildcard
http, https             last part of the URL, without the suffix
array, Pillow image     array_000000, array_000001, ...
video file              its stem, then the frame: clip/000012
rtsp, udp, ... streams  last part of the URL, then the frame: stream1/000012
'webcam:1', '1', 1      webcam_1/000012
list, iterator          of these, in their order
text file               of these, one a line
======================  ==================================================
"""

import glob
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from ..core.errors import MissingInputError, ReadError
from ..structures.results import Image, LazyImage, ReadFailure
from .downloads import (
    check_url,
    fetch,
    gives_stream,
    is_stream_url,
    is_url,
    local_path,
    without_login,
)
from .images import array_to_bgr, decode_image, image_to_bgr
from .listing import (
    LIST_SUFFIXES,
    check_results_apart,
    glob_root,
    is_video_name,
    list_folder,
    list_pattern,
    read_list,
)
from .live import camera_number, read_camera, read_stream
from .names import OutputNames, name_of_path, name_of_url
from .read_options import ReadOptions
from .videos import VideoFrame, VideoReader, is_video_content, is_video_file

ARRAY, CAMERA, STREAM = 'array ', 'webcam:', 'stream:'
"""Start of the sources of what is no file and no web address."""
Items = Iterator[Image | LazyImage | ReadFailure]
_UNKNOWN = (
    '`inputs` must be a path, folder, pattern, URL, camera, numpy array, Pillow image, or a list '
    'or iterator of these, but got {}. Convert tensors with `.numpy()`, channels last.'
)


@dataclass(frozen=True)
class Progress:
    """What is done, by name and source: an image, and the next frame of a video, None for none."""

    skip: Callable[[str, str], bool] = lambda name, source: False
    resume: Callable[[str, str], int | None] = lambda name, source: 0


class Source:
    """A stream of images, see :func:`open_source`, or a :class:`ReadFailure` for an input."""

    def __init__(self, inputs: Any, options: ReadOptions, exclude: Path | None = None) -> None:
        self.inputs, self.options, self.exclude = inputs, options, exclude
        self._files: list[tuple[Path, Path]] | None = None
        listed = _lines_of(inputs)
        if listed == []:
            raise MissingInputError(f'the input {os.fspath(inputs)!r} has no lines with inputs.')
        if listed is None and isinstance(inputs, (str, os.PathLike)):
            self._files = self.find_files(inputs)
        elif listed or isinstance(inputs, Sequence):
            for item in listed or inputs:
                if isinstance(item, (str, os.PathLike)):
                    self._check_apart(os.fspath(item))

    @property
    def is_live(self) -> bool:
        """Whether it is a camera or a stream, of which only the newest frame is given."""
        inputs = self.inputs
        if isinstance(inputs, (int, np.integer)):
            return True
        if not isinstance(inputs, (str, os.PathLike)):
            return False
        text = os.fspath(inputs)
        if is_url(text):
            return is_stream_url(text) or gives_stream(text, self.options)
        return camera_number(text) is not None

    @property
    def length(self) -> int | None:
        """Images and frames, if that is known without reading them."""
        if self._files is None:
            return _count(self.inputs)
        return _sum(self._frames_of(path) for path, _ in self._files)

    def _frames_of(self, path: Path) -> int | None:
        if not is_video_file(path):
            return 1
        try:
            return VideoReader(path, str(path), self.options).num_frames
        except (ValueError, OSError):
            return 1  # it will be reported as unreadable

    def __iter__(self) -> Iterator[Image | ReadFailure]:
        for item in self.items():
            yield item.read() if isinstance(item, LazyImage) else item

    def items(self, progress: Progress | None = None) -> Items:
        """As iterating, without what is done; whichever thread is free decodes files of images."""
        reader = _Reader(self, progress or Progress())
        return reader.files(self._files) if self._files is not None else reader.any(self.inputs)

    def find_files(self, item: str | os.PathLike[str]) -> list[tuple[Path, Path]] | None:
        """Files of a path, folder or pattern, each with its root; None for URLs and cameras."""
        text = os.fspath(item)
        if is_url(text):
            check_url(text)
            return None
        if camera_number(text) is not None:
            return None
        self._check_apart(text)
        path = Path(local_path(text)).expanduser()
        if path.is_dir():
            found = list_folder(path, recursive=self.options.recursive, exclude=self.exclude)
            root = path
        elif path.exists():
            found, root = [path], path.parent
        elif glob.has_magic(text):
            found = list_pattern(str(path), exclude=self.exclude)
            root = glob_root(str(path))
        else:
            remedy = 'Check the path; patterns need one of * ? [.'
            raise MissingInputError(f'the input {text!r} does not exist. {remedy}')
        if not found:
            hint = '' if self.options.recursive else ' Use `recursive`?'
            raise MissingInputError(f'the input {text!r} has no images or videos.{hint}')
        return [(one, root) for one in found]

    def _check_apart(self, text: str) -> None:
        if self.exclude is not None and not is_url(text):
            check_results_apart(text, self.exclude, recursive=self.options.recursive)


class _Reader:
    """One pass over a source: names and counts start again."""

    def __init__(self, source: Source, progress: Progress) -> None:
        self.source, self.progress = source, progress
        self.options = source.options
        self.names = OutputNames()
        self.arrays = 0

    def any(self, item: Any) -> Items:
        if isinstance(item, (Image, LazyImage, ReadFailure)):
            yield item
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool) and item >= 0:
            yield from self.camera(int(item))
        elif isinstance(item, (str, os.PathLike)):
            lines = _lines_of(item)
            for one in [item] if lines is None else lines:
                yield from self.text(one)
        elif isinstance(item, PILImage.Image):
            yield from self.array(partial(image_to_bgr, item))
        elif isinstance(item, np.ndarray):
            for array in item if item.ndim == 4 else (item,):
                yield from self.array(partial(_copy_to_bgr, array))
        elif isinstance(item, Iterable) and not _is_foreign(item):
            for one in item:
                yield from self.any(one)
        else:
            raise TypeError(_UNKNOWN.format(type(item).__name__))

    def text(self, item: str | os.PathLike[str]) -> Items:
        text = os.fspath(item)
        if is_url(text):
            yield from self.address(text)
            return
        try:
            files = self.source.find_files(item)
        except MissingInputError as error:
            path = Path(Path(text).name or '_')
            yield ReadFailure(self.names.take(name_of_path(path), path.suffix), text, str(error))
        else:
            yield from self.camera(camera_number(text) or 0) if files is None else self.files(files)

    def address(self, url: str) -> Items:
        suffix, shown = Path(url.split('?')[0]).suffix, without_login(url)
        is_stream = is_stream_url(url)
        name = self.names.take(name_of_url(url), suffix, is_stream or is_video_name(suffix))
        try:
            check_url(url)
        except ValueError as error:
            yield ReadFailure(name, shown, str(error))
        else:
            yield from self.stream(url, name) if is_stream else self.url(url, name)

    def files(self, files: Iterable[tuple[Path, Path]]) -> Items:
        for path, root in files:
            below = path.relative_to(root) if path != root else path
            is_video, source = is_video_file(path), str(path)
            name = self.names.take(name_of_path(below), path.suffix, is_video)
            if is_video:
                first = self.progress.resume(name, source)
                if first is not None:
                    yield from self.video(path, name, source, first)
            elif not self.progress.skip(name, source):
                yield LazyImage(name, source, partial(_decode_file, path, source, self.options))

    def url(self, url: str, name: str) -> Items:
        shown = without_login(url)
        first = self.progress.resume(name, shown)
        if first is None or self.progress.skip(name, shown):
            return
        try:
            content = fetch(url, self.options)
        except ReadError as error:
            yield ReadFailure(name, shown, str(error))
            return
        if content is None:
            yield from self.stream(url, name)
        elif is_video_content(content[:16]):
            yield from self.video(content, name, shown, first)
        else:
            yield LazyImage(name, shown, partial(decode_image, content, shown, self.options))

    def video(self, content: Path | bytes, name: str, source: str, first: int) -> Items:
        try:
            reader = VideoReader(content, source, self.options)
            for frame in reader.read(first):
                yield _image_of(frame, name, source, reader.fps)
            if reader.skipped_damage:
                damaged = f'{source}: {reader.skipped_damage} damaged pieces were left out'
                warnings.warn(f'{damaged}; frames may be missing there.', stacklevel=2)
        except ReadError as error:
            yield ReadFailure(name, source, str(error))
        except OSError as error:
            yield ReadFailure(name, source, f'{source} cannot be read: {error}')

    def camera(self, number: int) -> Items:
        name, source = self.names.take(f'webcam_{number}', is_folder=True), f'{CAMERA}{number}'
        yield from self.live(read_camera(number, self.options), name, source)

    def stream(self, url: str, name: str) -> Items:
        shown = without_login(url)
        yield from self.live(read_stream(url, shown, self.options), name, f'{STREAM}{shown}')

    def live(self, frames: Iterator[VideoFrame], name: str, source: str) -> Items:
        try:
            for frame in frames:
                yield _image_of(frame, name, source)
        except ReadError as error:
            yield ReadFailure(name, source, str(error))

    def array(self, decode: Callable[..., NDArray]) -> Items:
        index, self.arrays = self.arrays, self.arrays + 1
        name, source = self.names.take(f'array_{index:06d}'), f'{ARRAY}{index}'
        if not self.progress.skip(name, source):
            # Now: the caller may write the next image into the same array.
            yield LazyImage(name, source, partial(decode, source, self.options)).read()


def can_come_again(source: str) -> bool:
    """Whether the source of an image means the same in another run: no array, camera, stream."""
    return not source.startswith((ARRAY, CAMERA, STREAM))


def _lines_of(inputs: Any) -> list[str] | None:
    """The lines of a text file with inputs; None for anything else."""
    if not isinstance(inputs, (str, os.PathLike)):
        return None
    path = Path(local_path(os.fspath(inputs))).expanduser()
    is_list = path.suffix.lower() in LIST_SUFFIXES and path.is_file()
    return read_list(path) if is_list else None


def _decode_file(path: Path, source: str, options: ReadOptions) -> NDArray:
    try:
        if path.exists() and not path.is_file():
            raise ReadError(f'{path} is no file of a disk, but a pipe or device. Copy it to one.')
        content = path.read_bytes()
    except FileNotFoundError:
        link = f' leads to {os.readlink(path)}, which' if path.is_symlink() else ''
        raise MissingInputError(f'{path}{link} does not exist. Check the path.') from None
    except OSError as error:
        raise ReadError(f'{path} cannot be read: {error.strerror or error}') from error
    return decode_image(content, source, options)


def _copy_to_bgr(array: NDArray, source: str, options: ReadOptions) -> NDArray:
    order, behind = options.channel_order, options.alpha_background
    image = array_to_bgr(array, source, channel_order=order, alpha_background=behind)
    return image.copy() if np.may_share_memory(image, array) else image


def _image_of(frame: VideoFrame, video: str, source: str, fps: float | None = None) -> Image:
    name = f'{video}/{frame.index:06d}'
    return Image(frame.image, name, source, frame.index, frame.time_s, video, fps)


def _is_foreign(item: Any) -> bool:
    """Whether something can be iterated, but is no list of inputs."""
    return isinstance(item, (bytes, bytearray, dict)) or hasattr(item, '__array__')


def _count(item: Any) -> int | None:
    """Images of what is no file, as far as can be told."""
    if isinstance(item, np.ndarray):
        return len(item) if item.ndim == 4 else 1
    if isinstance(item, (str, os.PathLike)):
        text = os.fspath(item)
        return 1 if os.path.isfile(text) and not is_video_name(text) else None
    if isinstance(item, PILImage.Image):
        return 1
    return _sum(map(_count, item)) if isinstance(item, Sequence) else None


def _sum(counts: Iterable[int | None]) -> int | None:
    """None if one is unknown."""
    known = list(counts)
    return None if None in known else sum(known)  # type: ignore[arg-type]


def open_source(
    inputs: Any,
    options: ReadOptions | None = None,
    *,
    exclude: str | os.PathLike[str] | None = None,
) -> Source:
    """Open anything that shows people.

    A single path, folder or pattern must exist; in a list, what is missing becomes a
    :class:`~mmsapiens.structures.results.ReadFailure`.

    Args:
        inputs (Any): Path of an image or video, folder, pattern, http or https URL, URL of a stream
            such as rtsp or udp, number of a camera or 'webcam:1', numpy array (H, W[, C]) or (N, H,
            W, C), Pillow image, a list or iterator of these, or a text file with one in each line.
        options (ReadOptions, optional): How to read. Defaults to None, the defaults.
        exclude (str | Path, optional): Folder of the results, which is not read among the inputs.

    Returns:
        Source: To iterate; nothing is decoded before.

    Raises:
        MissingInputError: If a path does not exist, or if a folder or pattern has no images and
            videos; also a FileNotFoundError.
        TypeError: If it is none of these.
        ValueError: If it is a URL of another kind, or if ``exclude`` is a folder of inputs itself.
    """
    known = (str, os.PathLike, int, np.integer, np.ndarray, PILImage.Image)
    if isinstance(inputs, bool) or not (
        isinstance(inputs, known) or (isinstance(inputs, Iterable) and not _is_foreign(inputs))
    ):
        raise TypeError(_UNKNOWN.format(type(inputs).__name__))
    left_out = None if exclude is None else Path(exclude).expanduser()
    return Source(inputs, options or ReadOptions(), left_out)
