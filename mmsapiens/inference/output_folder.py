"""The folder of a run's results, which can be continued."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from ..core.atomic_files import remove_unfinished
from ..core.folder_lock import FolderLock
from ..io.entries import Progress
from ..structures.results import ImageResult, ReadFailure
from .durability import Durability
from .file_checks import Checks, file_check
from .manifest import Checkpoint, Entry, Manifest
from .open_video import OpenVideo, State
from .video_segments import VideoSegments
from .writers import AnnotatedVideo, KeypointWriter, Writer
from .writers.coco_results import ImageIds, write_coco_results

PARTS = '.parts'


class OutputFolder:
    """Writes results, and knows which are already there.

    A context manager: after an error, or Ctrl-C, what is done stays done and the next run goes on
    from there; the same after a kill, or after a power failure (:class:`Durability`). Images are
    done when their files are there and their input is the same; videos go on from their last
    checkpoint. Arrays and cameras are never taken as done.

    Args:
        folder (str | Path): Made if needed.
        writers (Sequence[Writer]): For every image.
        identity (Mapping[str, Any]): As in :class:`Manifest`.
        video (AnnotatedVideo, optional): Draws videos. Defaults to None, none are written.
        overwrite (bool): As in :class:`Manifest`.
        checkpoint_frames (int): Frames of a video from one checkpoint to the next. Defaults to 200.
        image_ids (Callable, optional): Name and source of an image -> its id in COCO results.
            Defaults to None, counted from 1.

    Attributes:
        skipped (int): Images and videos that were already done.

    Raises:
        NotADirectoryError: If it is a file.
        FolderInUseError: If another process writes there.
        ValueError: If it has results of other models or options.
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
        image_ids: ImageIds | None = None,
    ) -> None:
        if checkpoint_frames < 1:
            raise ValueError(f'`checkpoint_frames` must be at least 1, but got {checkpoint_frames}')
        self.folder = Path(folder).expanduser()
        if self.folder.exists() and not self.folder.is_dir():
            raise NotADirectoryError(
                f'the output folder {self.folder} is a file. Choose another name.'
            )
        self.writers, self.video = list(writers), video
        self.checkpoint_frames = checkpoint_frames
        self.image_ids = image_ids
        self._lock = FolderLock(self.folder, '--out')
        try:
            self.manifest = Manifest(self.folder, identity, overwrite)
            self._remove_unfinished()
            self._durability = Durability(self.folder, self.manifest)
        except BaseException:
            self._lock.release()
            raise
        self.skipped = 0
        self.look: dict[str, Any] = {one.folder: one.look for one in self.writers if one.look}
        self.video_look: dict[str, Any] = {
            one.folder: one.look for one in self.writers if one.look and one.for_videos
        }
        if video is not None:
            self.video_look['video'] = video.look
        self._open: OpenVideo | None = None
        self._waiting: dict[str, Checkpoint] = {}

    def _remove_unfinished(self) -> None:
        """Of runs that were killed, where no other program writes."""
        remove_unfinished(self.manifest.path)
        for name in ('coco', 'video', *(one.folder for one in self.writers)):
            remove_unfinished(self.folder / name)

    @property
    def progress(self) -> Progress:
        """What a source needs not read again."""
        return Progress(self._is_done, self._first_frame)

    def _is_done(self, name: str, source: str) -> bool:
        entry = self.manifest.images.get(name)
        done = (
            entry is not None
            and entry.status == 'done'
            and entry.source == source
            and _can_come_again(source)
            and entry.stamp == _stamp(source)
            and _looks_like(entry.look, self.look)
            and self._have(self._paths(name))
        )
        self.skipped += done
        return done

    def _paths(self, name: str, is_video: bool = False) -> list[str]:
        return [path for writer in self.writers for path in writer.paths(name, is_video)]

    def _have(self, paths: Sequence[str]) -> bool:
        return all((self.folder / path).is_file() for path in paths)

    def _first_frame(self, name: str, source: str) -> int | None:
        """The first frame of a video that is still needed; None for none."""
        entry = self.manifest.videos.get(name)
        if (
            entry is None
            or entry.source != source
            or entry.stamp != _stamp(source)
            or not _looks_like(entry.look, self.video_look)
            or not entry.checkpoints
        ):
            return 0
        number = self._whole_checkpoints(name, entry.checkpoints)
        is_whole = number == len(entry.checkpoints) and (
            self.video is None or self._have([self.video.path(name)])
        )
        if entry.status == 'done' and is_whole:
            self.skipped += 1
            return None
        usable = entry.checkpoints[:number]
        while usable and not self._have_pieces(name, usable[-1]):
            usable.pop()
        if not usable:
            return 0
        self._waiting[name] = usable[-1]
        return usable[-1].last + 1

    def _whole_checkpoints(self, name: str, checkpoints: Sequence[Checkpoint]) -> int:
        """How many checkpoints have the files of all their frames."""
        done = -1
        for number, checkpoint in enumerate(checkpoints):
            for index in checkpoint.indices():
                if index > done and not self._have(self._paths(f'{name}/{index:06d}', True)):
                    return number
            done = checkpoint.last
        return len(checkpoints)

    def _have_pieces(self, name: str, checkpoint: Checkpoint) -> bool:
        if self.video is None:
            return True
        folder = self._parts_of(name)
        pieces = [folder / f'{i:06d}.nut' for i in range(checkpoint.pieces)]
        return checkpoint.pieces > 0 and all(p.is_file() for p in pieces)

    def _parts_of(self, name: str) -> Path:
        """Folder for the pieces of a video; none is inside another."""
        return self.folder / PARTS / sha256(name.encode()).hexdigest()[:16]

    def state(self, video: str) -> State | None:
        """State of tracking and smoothing where a video goes on.

        Args:
            video (str): Its name.

        Returns:
            State | None: None where it starts from its beginning.
        """
        checkpoint = self._waiting.get(video)
        return self.manifest.state(checkpoint) if checkpoint else None

    def write_files(self, result: ImageResult) -> Checks:
        """Write the files of a result; several threads may at a time.

        Args:
            result (ImageResult): Of any image or frame.

        Returns:
            Checks: Of these files, for :meth:`write`.
        """
        frame, checks = result.frame, {}
        self._durability.claim(frame, self._kept(frame.video))
        for writer in self.writers:
            for path in writer.paths(frame.name, frame.video is not None):
                writer.write(result, self.folder / path)
                checks[path] = file_check(self.folder / path)
        return checks

    def _kept(self, video: str | None) -> int:
        """How many checkpoints of a video stay, before its first frame."""
        before = self._waiting.get(video or '')
        if video is None or before is None:
            return 0
        return self.manifest.videos[video].checkpoints.index(before) + 1

    def write(
        self,
        result: ImageResult,
        state: Callable[[], State | None] = lambda: None,
        checks: Checks | None = None,
    ) -> None:
        """Write a result down as done.

        Args:
            result (ImageResult): In the order of the source.
            state (Callable): Gives the state of tracking and smoothing after this frame, also when
                it is asked later: ``snapshot()`` of a
                :class:`~mmsapiens.inference.temporal.TemporalFilter`. Defaults to none.
            checks (Checks, optional): What :meth:`write_files` gave for it. Defaults to None, the
                files are written now.
        """
        frame = result.frame
        if checks is None:
            checks = self.write_files(result)
        if self._open is not None and self._open.name != frame.video:
            self._finish_video()
        if frame.video is not None and self._open is None:
            self._open = self._start_video(result)
        self._durability.add(checks)
        if self._open is None:
            entry = Entry(
                frame.source,
                'done',
                list(checks),
                people=len(result.people),
                stamp=_stamp(frame.source),
                look=self.look,
                checks=checks,
            )
            self.manifest.add_image(frame.name, entry)
            return
        self._open.add(result, self.video, checks)
        self._open.state = state
        if self._open.since_checkpoint >= self.checkpoint_frames:
            self._checkpoint()

    def _start_video(self, result: ImageResult) -> OpenVideo:
        frame, name = result.frame, str(result.frame.video)
        before = self._waiting.pop(name, None)
        if before is None:
            self.manifest.note_video(
                name, source=frame.source, stamp=_stamp(frame.source), look=self.video_look
            )
        segments = None
        if self.video is not None:
            segments = VideoSegments(
                self.folder / self.video.path(name),
                self._parts_of(name),
                frame.fps or 25.0,
                before.pieces if before else 0,
            )
        return OpenVideo(name, frame.source, segments, before)

    def _checkpoint(self) -> None:
        video = self._open
        assert video is not None
        numbers = video.checkpoint()
        if numbers is not None:
            self.manifest.note_checkpoint(video.name, numbers, video.state(), video.checks)
            video.checks = {}

    def _finish_video(self) -> None:
        """The open video came to its end."""
        video = self._open
        assert video is not None
        self._checkpoint()
        self._complete(video.name, video.segments)
        self._open = None

    def _complete(self, name: str, segments: VideoSegments | None) -> None:
        outputs = [
            f'{writer.folder}/{name}/*{writer.suffix}'
            for writer in self.writers
            if writer.for_videos
        ]
        if segments is not None and self.video is not None:
            segments.join()
            outputs.append(self.video.path(name))
            self._durability.add(outputs[-1:])
        self.manifest.note_video(name, status='done', outputs=outputs)

    def fail(self, unreadable: ReadFailure) -> None:
        """Note that an input could not be read; the next run tries again."""
        name, reason = unreadable.name, unreadable.reason
        if self._open is not None:
            self._finish_video()
        if name in self.manifest.videos:
            self._waiting.pop(name, None)
            self.manifest.note_video(name, status='failed', reason=reason)
            return
        entry = Entry(unreadable.source, 'failed', reason=reason)
        self.manifest.add_image(name, entry)

    def finish(self) -> None:
        """All inputs were read: end the last video, join COCO results."""
        if self._open is not None:
            self._finish_video()
        for name, checkpoint in list(self._waiting.items()):
            # A kill came between its last frame and its end.
            segments = None
            if self.video is not None:
                segments = VideoSegments(
                    self.folder / self.video.path(name),
                    self._parts_of(name),
                    keep=checkpoint.pieces,
                )
            self._complete(name, segments)
            del self._waiting[name]
        for writer in self.writers:
            if isinstance(writer, KeypointWriter):
                names = (
                    name for name in self.manifest.frame_names() if self._have([writer.path(name)])
                )
                paths = write_coco_results(self.folder, writer.task, names, self.image_ids)
                self._durability.add(paths)
        parts = self.folder / PARTS
        if parts.is_dir() and not any(parts.iterdir()):
            parts.rmdir()
        self._durability.settle()
        self.manifest.write(is_complete=True)

    def stop(self) -> None:
        """End before all inputs were read; the next run goes on.

        The video of a camera ends here, as there is nothing to go on with.
        """
        if self._open is not None:
            if _can_come_again(self._open.source):
                self._checkpoint()
            else:
                self._finish_video()
            self._open = None
        with suppress(OSError):  # there was an error before
            self._durability.settle()
        self.manifest.write(is_complete=False)

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.finish()
            else:
                self.stop()
        finally:
            self.manifest.journal.close()
            self._lock.release()


def _can_come_again(source: str) -> bool:
    """Whether a source means the same image in another run."""
    return not source.startswith(('array ', 'webcam:'))


def _looks_like(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether all that is wanted was drawn in the same way."""
    return all((found or {}).get(key) == wanted[key] for key in wanted)


def _stamp(source: str) -> list[int] | None:
    """Size and time of a file; None for what is no file."""
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]
