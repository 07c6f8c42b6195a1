"""Anything that shows people, as one stream of images.

======================  ==================================================
Input                   Names of its results
======================  ==================================================
file                    its stem
folder                  path below the folder, without the suffix
pattern (``*.jpg``)     path below what is in front of the first wildcard
http, https             last part of the URL, without the suffix
array, Pillow image   array_000000, array_000001, ...
video file              its stem, then the frame: clip/000012
'webcam', 'webcam:1'    webcam_0/000012
list, iterator          of these, in their order
======================  ==================================================
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from ..core.read_errors import MissingInputError
from ..inference.prefetch import close, map_ahead
from ..structures.results import Image, LazyImage, ReadFailure
from . import entries
from .downloads import check_url, is_url
from .entries import Progress
from .listing import check_results_apart, glob_root, is_video_name, list_folder, list_pattern
from .names import OutputNames, name_of_path, name_of_url
from .read_options import ReadOptions
from .video_reader import VideoReader, is_video_file
from .webcam import camera_number


class Source:
    """A stream of images; see :func:`open_source`.

    Args:
        inputs (Any): As in :func:`open_source`.
        options (ReadOptions): How inputs are read.
        exclude (Path, optional): Likewise.

    Attributes:
        inputs (Any): As above.
        options (ReadOptions): As above.
    """

    def __init__(self, inputs: Any, options: ReadOptions, exclude: Path | None = None) -> None:
        self.options, self.exclude = options, exclude
        self.inputs = inputs
        self._files: list[tuple[Path, Path]] | None = None
        if isinstance(inputs, (str, os.PathLike)):
            self._files = self._expand(inputs)
        elif isinstance(inputs, Sequence):
            for item in inputs:
                if isinstance(item, (str, os.PathLike)):
                    self._check_apart(os.fspath(item))

    @property
    def length(self) -> int | None:
        """Images and frames, if that is known without reading them."""
        if self._files is None:
            return _count_others(self.inputs)
        total = 0
        for path, _ in self._files:
            count = self._frames_of(path)
            if count is None:
                return None
            total += count
        return total

    def _frames_of(self, path: Path) -> int | None:
        if not is_video_file(path):
            return 1
        try:
            return VideoReader(path, str(path), self.options).num_frames
        except (ValueError, OSError):
            return 1  # it will be reported as unreadable

    def __iter__(self) -> Iterator[Image | ReadFailure]:
        return self.read()

    def read(
        self, progress: Progress | None = None, threads: int = 1
    ) -> Iterator[Image | ReadFailure]:
        """Read one image after the other.

        Args:
            progress (Progress, optional): What is already done. Defaults to None, nothing.
            threads (int): How many decode files. From 2 on, as many images are read ahead.
                Defaults to 1.

        Yields:
            Image | ReadFailure: In the order of the inputs.
        """
        reader = _Reader(self, progress or Progress())
        if self._files is not None:
            items = reader.files(self._files)
        else:
            items = reader.anything(self.inputs)
        if threads == 1:
            yield from map(_read, items)
        else:
            yield from _read_ahead(items, threads)

    def _check_apart(self, text: str) -> None:
        if self.exclude is not None and not is_url(text):
            check_results_apart(text, self.exclude, recursive=self.options.recursive)

    def _expand(self, item: str | os.PathLike[str]) -> list[tuple[Path, Path]] | None:
        """Files and the folders that their names start from.

        None for a URL or camera.
        """
        text = os.fspath(item)
        if is_url(text):
            check_url(text)
            return None
        if camera_number(text) is not None and not os.path.exists(text):
            return None
        self._check_apart(text)
        path = Path(text).expanduser()
        if path.is_dir():
            found = list_folder(path, recursive=self.options.recursive, exclude=self.exclude)
            root = path
        elif path.exists():
            return [(path, path.parent)]
        elif glob.has_magic(text):
            found = list_pattern(str(path), exclude=self.exclude)
            root = glob_root(str(path))
        else:
            raise MissingInputError(
                f'the input {text!r} does not exist. Check the path; patterns need one of * ? [.'
            )
        if not found:
            raise MissingInputError(
                f'the input {text!r} has no images or videos.'
                + ('' if self.options.recursive else ' Use `recursive`?')
            )
        return [(one, root) for one in found]


def _read(item: Image | ReadFailure | LazyImage) -> Image | ReadFailure:
    return item.read() if isinstance(item, LazyImage) else item


def _read_ahead(items: entries.Read, threads: int) -> Iterator[Image | ReadFailure]:
    """Decode what waits for it in several threads, in its order."""
    try:
        with ThreadPoolExecutor(threads, 'mmsapiens-decoding') as pool:
            for waits, group in groupby(items, lambda one: isinstance(one, LazyImage)):
                if waits:
                    yield from map_ahead(_read, group, pool, threads)
                else:
                    yield from map(_read, group)
    finally:
        close(items)


class _Reader:
    """One pass over a source: names and counts start anew."""

    def __init__(self, source: Source, progress: Progress) -> None:
        self.source, self.progress = source, progress
        self.options = source.options
        self.names = OutputNames()
        self.arrays = 0

    def files(self, files: Iterable[tuple[Path, Path]]) -> entries.Read:
        for path, root in files:
            below = path.relative_to(root) if path != root else path
            name = self.names.take(name_of_path(below), path.suffix, is_video_file(path))
            yield from entries.read_file(path, name, self.options, self.progress)

    def anything(self, item: Any) -> entries.Read:
        if isinstance(item, (Image, ReadFailure)):
            yield item
        elif isinstance(item, bool) or item is None:
            raise TypeError(_unknown(item))
        elif isinstance(item, (int, np.integer)):
            yield from self.camera(int(item))
        elif isinstance(item, (str, os.PathLike)):
            yield from self.text(item)
        elif isinstance(item, PILImage.Image):
            name, source = self.next_array()
            yield from entries.read_image(item, name, source, self.options, self.progress)
        elif isinstance(item, np.ndarray):
            for array in item if item.ndim == 4 else (item,):
                name, source = self.next_array()
                yield from entries.read_array(array, name, source, self.options, self.progress)
        elif isinstance(item, Iterable) and not _is_foreign(item):
            for one in item:
                yield from self.anything(one)
        else:
            raise TypeError(_unknown(item))

    def text(self, item: str | os.PathLike[str]) -> entries.Read:
        text = os.fspath(item)
        number = camera_number(text)
        if is_url(text):
            check_url(text)
            suffix = Path(text.split('?')[0]).suffix
            name = self.names.take(name_of_url(text), suffix, is_video_name(suffix))
            yield from entries.read_url(text, name, self.options, self.progress)
        elif number is not None and not os.path.exists(text):
            yield from self.camera(number)
        else:
            try:
                files = self.source._expand(item)
            except MissingInputError as error:
                path = Path(Path(text).name or '_')
                name = self.names.take(name_of_path(path), path.suffix)
                yield ReadFailure(name, text, str(error))
            else:
                yield from self.files(files or [])

    def camera(self, number: int) -> entries.Read:
        name = self.names.take(f'webcam_{number}', is_folder=True)
        yield from entries.read_webcam(number, name, self.options)

    def next_array(self) -> tuple[str, str]:
        index = self.arrays
        self.arrays += 1
        return self.names.take(f'array_{index:06d}'), f'array {index}'


def _is_foreign(item: Any) -> bool:
    """Whether something can be iterated, but is no list of inputs."""
    return isinstance(item, (bytes, bytearray, dict)) or hasattr(item, '__array__')


def _unknown(item: Any) -> str:
    return (
        '`inputs` must be a path, folder, pattern, URL, camera, numpy array, '
        'Pillow image, or a list or iterator of these, but got '
        f'{type(item).__name__}. Convert tensors with `.numpy()`, channels '
        'last.'
    )


def _count_others(item: Any) -> int | None:
    """Images of what is no file, as far as can be told."""
    if isinstance(item, np.ndarray):
        return len(item) if item.ndim == 4 else 1
    if isinstance(item, PILImage.Image):
        return 1
    if not isinstance(item, Sequence) or isinstance(item, str):
        return None
    total = 0
    for one in item:
        if isinstance(one, (str, os.PathLike)):
            text = os.fspath(one)
            plain = not is_url(text) and os.path.isfile(text)
            count = 1 if plain and not is_video_name(text) else None
        else:
            count = _count_others(one)
        if count is None:
            return None
        total += count
    return total


def open_source(
    inputs: Any,
    options: ReadOptions | None = None,
    *,
    exclude: str | os.PathLike[str] | None = None,
) -> Source:
    """Open anything that shows people.

    A single path, folder or pattern must exist; in a list, what is missing becomes an
    :class:`~mmsapiens.structures.results.ReadFailure`.

    Args:
        inputs (Any): Path of an image or video, folder, pattern, http or https URL, number of a
            camera or 'webcam:1', numpy array (H, W[, C]) or (N, H, W, C), Pillow image, or a list
            or iterator of these.
        options (ReadOptions, optional): How to read. Defaults to None, the defaults.
        exclude (str | Path, optional): Folder of the results, which is not read where it is inside
            a folder or pattern of inputs. Defaults to None.

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
        raise TypeError(_unknown(inputs))
    return Source(
        inputs,
        options or ReadOptions(),
        Path(exclude).expanduser() if exclude is not None else None,
    )
