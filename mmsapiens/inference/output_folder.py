"""The folder of a run's results, which can be continued."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..core.atomic_files import remove_unfinished
from ..core.folder_lock import lock_folder
from ..io.sources import Progress, can_come_again
from ..structures.results import ImageResult, ReadFailure
from .manifest import Entry, Manifest
from .video_segments import VideoSegments, read_segments
from .writers import AnnotatedVideo, KeypointWriter, Writer
from .writers.coco_results import FindEntry, write_coco_results

PARTS = '.parts'
State = dict[str, Any]
"""Of tracking and smoothing."""


@dataclass
class _OpenVideo:
    """The video whose frames are being written; ``since`` counts those after the last segment."""

    entry: Entry
    segments: VideoSegments
    since: int = 0
    state: Callable[[], State | None] = lambda: None

    def add(self, result: ImageResult, drawn: NDArray | None) -> None:
        """Count a frame, and draw it."""
        frame, numbers = result.frame, self.entry.frames
        if numbers:
            numbers['step'] = frame.index - numbers['last']
        else:
            numbers = dict(first=frame.index, last=frame.index, step=1, count=0, people=0)
        numbers['last'] = frame.index
        numbers['count'] += 1
        numbers['people'] += len(result.people)
        self.entry.frames = numbers
        self.since += 1
        if drawn is not None:
            self.segments.write(drawn, frame.time_s)

    def close_segment(self, key: Mapping[str, Any]) -> None:
        """Make sure that the next run continues here."""
        if self.since:
            self.segments.close_segment(dict(key=key, frames=self.entry.frames, state=self.state()))
        self.since = 0


def folder_of(path: str | os.PathLike[str]) -> Path:
    """The folder of a run; an error if it is a file."""
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f'the output folder {folder} is a file. Choose another name.')
    return folder


class OutputFolder:
    """Writes results, and knows which are already there; ``skipped`` counts them.

    After an error, Ctrl-C or a kill, the next run continues. An image is done when it has a line in
    ``done.jsonl``, its files are there and its input is the same; a video continues from its last
    whole segment of ``checkpoint_frames``. Arrays and cameras are never done. ``identity`` and
    ``overwrite`` are as in :class:`Manifest`, ``find_entry`` as in :func:`.write_coco_results`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        writers: Sequence[Writer],
        identity: Mapping[str, Any],
        *,
        video: AnnotatedVideo | None = None,
        overwrite: bool = False,
        checkpoint_frames: int = 200,
        find_entry: FindEntry | None = None,
    ) -> None:
        if checkpoint_frames < 1:
            raise ValueError(f'`checkpoint_frames` must be at least 1, but got {checkpoint_frames}')
        self.folder = folder_of(folder)
        self.writers, self.video = list(writers), video
        self.checkpoint_frames, self.find_entry = checkpoint_frames, find_entry
        styled = [one for one in self.writers if one.style]
        self.style: dict[str, Any] = {one.folder: one.style for one in styled}
        self.video_style: dict[str, Any] = {w.folder: w.style for w in styled if w.for_videos}
        if video is not None:
            self.video_style['video'] = video.style
        self.skipped = 0
        self._open: _OpenVideo | None = None
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._lock = lock_folder(self.folder, '--out')
        try:
            self.manifest = Manifest(self.folder, identity, overwrite)
            remove_unfinished(self.manifest.path)
            for name in ('coco', 'video', *(one.folder for one in self.writers)):
                remove_unfinished(self.folder / name)
        except BaseException:
            self._lock.release()
            raise

    @property
    def progress(self) -> Progress:
        """What a source need not read again."""
        return Progress(self._is_done, self._first_frame)

    def _is_done(self, name: str, source: str) -> bool:
        done = self._is_noted(name, source, self.style) and self._have(self._paths(name))
        self.skipped += done
        return done

    def _is_noted(self, name: str, source: str, style: Mapping[str, Any]) -> bool:
        """Whether there is a line for the same input, drawn in the same way."""
        entry = self.manifest.entries.get(name)
        if entry is None or not can_come_again(source):
            return False
        is_same = (entry.status, entry.source, entry.stamp) == ('done', source, _stamp(source))
        return is_same and style.items() <= (entry.style or {}).items()

    def _paths(self, name: str, is_video: bool = False) -> list[str]:
        return [path for writer in self.writers for path in writer.paths(name, is_video)]

    def _have(self, paths: Sequence[str]) -> bool:
        """Whether files are there; an empty one was lost with the power."""
        try:
            return all(os.path.getsize(self.folder / path) for path in paths)
        except OSError:
            return False

    def _have_frames(self, name: str, frames: Mapping[str, int], after: int = -1) -> bool:
        """Whether all frames of a video after one of them have their files."""
        needed = (f'{name}/{index:06d}' for index in _indices(frames) if index > after)
        return all(self._have(self._paths(frame, is_video=True)) for frame in needed)

    def _first_frame(self, name: str, source: str) -> int | None:
        """The first frame of a video that is still needed; None for none."""
        entry = self.manifest.entries.get(name)
        if (
            entry is not None
            and entry.frames is not None
            and self._is_noted(name, source, self.video_style)
            and (self.video is None or self._have([self.video.path(name)]))
            and self._have_frames(name, entry.frames)
        ):
            self.skipped += 1
            shutil.rmtree(self._parts_of(name), ignore_errors=True)
            return None
        found, last, key = [], -1, self._key(source)
        for segment in read_segments(self._parts_of(name)):
            frames = segment['frames']
            if segment['key'] != key or not self._have_frames(name, frames, last):
                break
            last = frames['last']
            found.append(segment)
        if not found:
            return 0
        self._waiting[name] = found
        return last + 1

    def _key(self, source: str) -> dict[str, Any]:
        """What segments of a video depend on."""
        options, style = self.manifest.options, self.video_style
        return dict(options=options, source=source, stamp=_stamp(source), style=style)

    def _parts_of(self, name: str) -> Path:
        """Folder for the segments of a video; none is inside another."""
        return self.folder / PARTS / sha256(name.encode()).hexdigest()[:16]

    def state(self, video: str) -> State | None:
        """State of tracking and smoothing where a video continues; None at its beginning."""
        segments = self._waiting.get(video)
        return segments[-1]['state'] if segments else None

    def write_files(self, result: ImageResult) -> NDArray | None:
        """Write the files of a result, in any thread, and draw a frame for :meth:`note`."""
        name, is_video = result.frame.name, result.frame.video is not None
        result.drawings = {}
        for writer in self.writers:
            for path in writer.paths(name, is_video):
                writer.write(result, self.folder / path)
        drawn = self.video.draw(result) if is_video and self.video is not None else None
        result.drawings = None
        return drawn

    def note(
        self,
        result: ImageResult,
        drawn: NDArray | None = None,
        state: Callable[[], State | None] = lambda: None,
    ) -> None:
        """Note a result, in order, as done; ``state`` gives that of the filter after it."""
        frame = result.frame
        if self._open is not None and self._open.entry.name != frame.video:
            self._finish_video()
        if frame.video is None:
            entry = Entry(frame.name, frame.source, 'done', self._paths(frame.name))
            entry.people, entry.stamp = len(result.people), _stamp(frame.source)
            entry.style = self.style
            self.manifest.add(entry)
            return
        if self._open is None:
            self._open = self._start_video(frame.video, frame.source, frame.fps or 25.0)
        self._open.add(result, drawn)
        self._open.state = state
        if self._open.since >= self.checkpoint_frames:
            self._open.close_segment(self._key(frame.source))

    def _start_video(self, name: str, source: str, fps: float = 25.0) -> _OpenVideo:
        before = self._waiting.pop(name, [])
        path = None if self.video is None else self.folder / self.video.path(name)
        entry = Entry(name, source, 'partial', stamp=_stamp(source), style=self.video_style)
        entry.frames = dict(before[-1]['frames']) if before else None
        return _OpenVideo(entry, VideoSegments(self._parts_of(name), path, fps, len(before)))

    def _finish_video(self, reason: str = '') -> None:
        """The open video came to its end, or cannot be read any further."""
        video, self._open = self._open, None
        assert video is not None
        entry = video.entry
        video.close_segment(self._key(entry.source))
        entry.status, entry.reason = 'failed' if reason else 'done', reason
        ours = (writer for writer in self.writers if writer.for_videos)
        entry.outputs = [f'{writer.folder}/{entry.name}/*{writer.suffix}' for writer in ours]
        if self.video is not None:
            entry.outputs.append(self.video.path(entry.name))
        video.segments.join()
        self.manifest.add(entry)
        video.segments.remove()

    def fail(self, unreadable: ReadFailure) -> None:
        """Note that an input could not be read; the next run tries again."""
        name, reason = unreadable.name, unreadable.reason
        is_open = self._open is not None and self._open.entry.name == name
        if self._open is not None:
            self._finish_video(reason if is_open else '')
        self._waiting.pop(name, None)
        if not is_open:
            self.manifest.add(Entry(name, unreadable.source, 'failed', reason=reason))

    def _finish(self) -> None:
        """All inputs were read: end the last video, join COCO results."""
        if self._open is not None:
            self._finish_video()
        for name, segments in list(self._waiting.items()):
            # A kill came between its last frame and its end.
            self._open = self._start_video(name, segments[-1]['key']['source'])
            self._finish_video()
        if self.manifest.is_complete:
            return  # nothing was done
        for writer in self.writers:
            if isinstance(writer, KeypointWriter):
                names = (n for n in self._frame_names() if self._have([writer.path(n)]))
                write_coco_results(self.folder, writer.task, names, self.find_entry)
        parts = self.folder / PARTS
        if parts.is_dir() and not any(parts.iterdir()):
            parts.rmdir()
        self.manifest.write(is_complete=True)

    def _frame_names(self) -> list[str]:
        """Names of all images and then of all frames that are done."""
        entries = self.manifest.entries.values()
        names = [one.name for one in entries if one.status == 'done' and one.frames is None]
        for entry in entries:
            names += [f'{entry.name}/{index:06d}' for index in _indices(entry.frames)]
        return names

    def _stop(self) -> None:
        """End before all inputs were read; the next run continues, but not a camera."""
        partial = []
        if self._open is not None:
            source = self._open.entry.source
            if can_come_again(source):
                self._open.close_segment(self._key(source))
                partial.append(self._open.entry)
                self._open = None
            else:
                self._finish_video()
        self.manifest.write(is_complete=False, partial=partial)

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
            else:
                self._stop()
        finally:
            self.manifest.close()
            self._lock.release()


def _indices(frames: Mapping[str, int] | None) -> range:
    """Of the frames of an entry; none of an image."""
    return range(frames['first'], frames['last'] + 1, frames['step']) if frames else range(0)


def _stamp(source: str) -> list[int] | None:
    """Size and time of a file; None for what is no file."""
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]
