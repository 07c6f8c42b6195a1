"""Tracking and smoothing of results, frame after frame. Shapes: N people, K keypoints."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..detection.tracking import BoxTracker
from ..structures.results import ImageResult, PoseResult

State = dict[str, Any]
DEFAULT_FPS = 25.0


class PointState(NamedTuple):
    """Points and speeds (K, 2) of a person, in its sizes a second, and when last seen (K,)."""

    points: NDArray
    speeds: NDArray
    times_s: NDArray


class OneEuroSmoother:
    """The filter of `1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
    Systems <https://doi.org/10.1145/2207676.2208639>`_ (CHI 2012), for each track.

    A point at rest is smoothed much, a fast one little; speeds are in sizes of the person (the
    longer side of its box) per second. A point whose score is too low is neither smoothed nor
    remembered.

    Args:
        min_cutoff_hz (float): Frequencies above it are damped in a point at rest. Defaults to 1.5.
        beta (float): How much the cutoff grows with the speed. Defaults to 5.
        speed_cutoff_hz (float): Cutoff of the speed itself. Defaults to 1.
        min_score (float): Of points to use. Defaults to 0.3.
        max_gap_s (float): Longest gap after which a point goes on. Defaults to 0.5.
    """

    def __init__(
        self,
        *,
        min_cutoff_hz: float = 1.5,
        beta: float = 5.0,
        speed_cutoff_hz: float = 1.0,
        min_score: float = 0.3,
        max_gap_s: float = 0.5,
    ) -> None:
        for name, value in (('min_cutoff_hz', min_cutoff_hz), ('speed_cutoff_hz', speed_cutoff_hz)):
            if value <= 0:
                raise ValueError(f'`{name}` must be above 0, got {value}')
        if beta < 0:
            raise ValueError(f'`beta` must be at least 0, but got {beta}')
        self.min_cutoff_hz, self.speed_cutoff_hz, self.beta = min_cutoff_hz, speed_cutoff_hz, beta
        self.min_score, self.max_gap_s = min_score, max_gap_s
        self.people: dict[int, PointState] = {}

    def update(
        self, keypoints: NDArray, scores: NDArray, boxes: NDArray, track_ids: NDArray, time_s: float
    ) -> NDArray:
        """Smooth x, y (N, K, 2) with scores (N, K) of the next frame, at a later time."""
        smooth = keypoints.copy()
        gap, before = self.max_gap_s, self.people.items()
        people = {number: s for number, s in before if time_s - s.times_s.max() <= gap}
        for index, number in enumerate(track_ids.tolist()):
            size = max(float((boxes[index, 2:] - boxes[index, :2]).max()), 1.0)
            pose = keypoints[index].astype(np.float64), scores[index], size
            people[number], smooth[index] = self._update_one(people.get(number), time_s, *pose)
        self.people = people
        return smooth

    def _update_one(
        self, old: PointState | None, time_s: float, points: NDArray, scores: NDArray, size: float
    ) -> tuple[PointState, NDArray]:
        """The next state of a person, and its points (K, 2)."""
        count = len(points)
        if old is None or len(old.points) != count:
            old = PointState(np.zeros((count, 2)), np.zeros((count, 2)), np.full(count, -1.0))
        seen = (scores >= self.min_score) & np.isfinite(points).all(axis=1)
        gap = time_s - old.times_s
        known = (old.times_s >= 0) & (gap > 0) & (gap <= self.max_gap_s)
        step = np.where(known, gap, 1.0)[:, None]  # (K, 1)
        raw = (points - old.points) / size / step
        share = _share(self.speed_cutoff_hz, step)
        speeds = old.speeds + share * (raw - old.speeds)
        cutoff = self.min_cutoff_hz + self.beta * np.abs(speeds)
        filtered = old.points + _share(cutoff, step) * (points - old.points)
        goes_on, starts = (seen & known)[:, None], (seen & ~known)[:, None]
        state = PointState(
            np.where(goes_on, filtered, np.where(starts, points, old.points)),
            np.where(goes_on, speeds, np.where(starts, 0.0, old.speeds)),
            np.where(seen, time_s, old.times_s),
        )
        return state, np.where(goes_on, filtered, points)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`TemporalFilter.snapshot` gave."""
        self.people = {int(n): PointState(*map(np.array, values)) for n, values in state.items()}


def _share(cutoff_hz: Any, step_s: NDArray) -> NDArray:
    """Share of a new value in a low-pass filter of the first order."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))


class TemporalFilter:
    """Gives people of videos their numbers, and smooths their keypoints; results must come in
    order.

    ``smoothing`` are arguments of :class:`OneEuroSmoother`, None for no smoothing; ``resume`` gives
    for the name of a video the state where it goes on, None for its beginning.
    """

    def __init__(
        self,
        smoothing: Mapping[str, float] | None = None,
        resume: Callable[[str], State | None] | None = None,
    ) -> None:
        self.tracker = BoxTracker()
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
            by_index = frame.index / (frame.fps or DEFAULT_FPS)
            time_s = by_index if frame.time_s is None else frame.time_s
            for task, found in tasks.items():
                if isinstance(found, PoseResult):
                    points, who = (found.keypoints, found.scores), (people.boxes, people.track_ids)
                    smooth = self._smoother(task).update(*points, *who, time_s)
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
        """The state after the last result, of JSON types when it is called."""
        tracker = self.tracker.state()
        people = {task: one.people for task, one in self.smoothers.items()}

        def listed(states: Mapping[int, PointState]) -> dict[str, list]:
            return {str(number): [v.tolist() for v in one] for number, one in states.items()}

        return lambda: dict(
            tracker=tracker, smoothers={task: listed(each) for task, each in people.items()}
        )
