"""The video whose frames are being written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..structures.results import ImageResult
from .file_checks import Checks
from .manifest import Checkpoint
from .video_segments import VideoSegments
from .writers import AnnotatedVideo

State = dict[str, Any]
"""Of tracking and smoothing."""


class OpenVideo:
    """The video whose frames are being written.

    Args:
        name (str): Of its results.
        source (str): Its path, or a camera.
        segments (VideoSegments, optional): Its annotated video.
        before (Checkpoint, optional): Where it goes on.

    Attributes:
        checks (Checks): Of the files since the last checkpoint.
        state (Callable): Gives the state of tracking and smoothing.
    """

    def __init__(
        self, name: str, source: str, segments: VideoSegments | None, before: Checkpoint | None
    ) -> None:
        self.name, self.source, self.segments = name, source, segments
        self.first = before.first if before else -1
        self.last = before.last if before else -1
        self.step = before.step if before else 1
        self.count = before.count if before else 0
        self.people = before.people if before else 0
        self.since_checkpoint = 0
        self.checks: Checks = {}
        self.state: Callable[[], State | None] = lambda: None

    def add(self, result: ImageResult, video: AnnotatedVideo | None, checks: Checks) -> None:
        """Count a frame, and draw it.

        Args:
            result (ImageResult): Of the next frame.
            video (AnnotatedVideo, optional): Draws it.
            checks (Checks): Of its files.
        """
        frame = result.frame
        if self.count == 0:
            self.first = frame.index
        else:
            self.step = frame.index - self.last
        self.last = frame.index
        self.count += 1
        self.people += len(result.people)
        self.since_checkpoint += 1
        self.checks.update(checks)
        if self.segments is not None and video is not None:
            self.segments.write(video.draw(result), frame.time_s)

    def checkpoint(self) -> Checkpoint | None:
        """What is done; None if nothing was since the last one."""
        if not self.since_checkpoint:
            return None
        if self.segments is not None:
            self.segments.close_piece()
        self.since_checkpoint = 0
        return Checkpoint(
            self.first,
            self.last,
            self.step,
            self.count,
            self.people,
            self.segments.count if self.segments is not None else 0,
        )
