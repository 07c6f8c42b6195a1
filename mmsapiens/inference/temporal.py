"""Tracking and smoothing of results, frame after frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..detection.tracking import BoxTracker
from ..structures.results import ImageResult, PoseResult
from .smoothing import OneEuroSmoother, smoother_state

State = dict[str, Any]
DEFAULT_FPS = 25.0


class TemporalFilter:
    """Gives people of videos their numbers, and smooths their keypoints.

    Results must come in order; a new video starts anew, and single images pass through. A result
    is a new one, what was given is not changed.

    Args:
        tracker (BoxTracker): Numbers people.
        smoothing (Mapping[str, float], optional): Arguments of :class:`OneEuroSmoother`. Defaults
            to None, no smoothing.
        resume (Callable, optional): Name of a video -> state where it goes on, None for its
            beginning: ``state`` of an :class:`~mmsapiens.inference.output_folder.OutputFolder`.
            Defaults to None, all start at their beginning.
    """

    def __init__(
        self,
        tracker: BoxTracker | None = None,
        smoothing: Mapping[str, float] | None = None,
        resume: Callable[[str], State | None] | None = None,
    ) -> None:
        self.tracker = tracker or BoxTracker()
        self.smoothing = None if smoothing is None else dict(smoothing)
        if self.smoothing is not None:
            OneEuroSmoother(**self.smoothing)  # refuses bad arguments
        self.resume = resume
        self.smoothers: dict[str, OneEuroSmoother] = {}
        self._video: str | None = None

    def __call__(self, result: ImageResult) -> ImageResult:
        """The next result, with ids of tracks and smooth keypoints."""
        frame = result.frame
        if frame.video is None:
            self._video = None
            return result
        if frame.video != self._video:
            self._start(frame.video)
        people = replace(result.people, track_ids=self.tracker.update(result.people.boxes))
        tasks = dict(result.tasks)
        if self.smoothing is not None:
            time_s = frame.time_s
            if time_s is None:
                time_s = frame.index / (frame.fps or DEFAULT_FPS)
            for task, found in tasks.items():
                if isinstance(found, PoseResult):
                    smooth = self._smoother(task).update(
                        found.keypoints, found.scores, people.boxes, people.track_ids, time_s
                    )
                    tasks[task] = replace(found, keypoints=smooth)
        return ImageResult(frame, people, tasks)

    def _smoother(self, task: str) -> OneEuroSmoother:
        if task not in self.smoothers:
            self.smoothers[task] = OneEuroSmoother(**(self.smoothing or {}))
        return self.smoothers[task]

    def _start(self, video: str) -> None:
        self._video = video
        self.tracker.reset()
        self.smoothers = {}
        state = self.resume(video) if self.resume is not None else None
        if state is not None:
            self.tracker.load_state(state['tracker'])
            for task, points in state['smoothers'].items():
                self._smoother(task).load_state(points)

    def snapshot(self) -> Callable[[], State]:
        """The state after the last result; JSON types when it is called.

        It costs nothing until then, and later results do not change it.
        """
        tracker = self.tracker.state()
        people = {task: one.people for task, one in self.smoothers.items()}
        return lambda: dict(
            tracker=tracker,
            smoothers={task: smoother_state(states) for task, states in people.items()},
        )
