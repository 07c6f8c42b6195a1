"""Keypoints of a video without jitter.

Shapes: N people, K keypoints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PointState:
    """The filter of one person.

    Args:
        points (NDArray): Filtered x, y, float64 (K, 2).
        speeds (NDArray): Filtered, sizes of the person per second, (K, 2).
        times_s (NDArray): When a point was last seen, (K,); -1 for never.
    """

    points: NDArray
    speeds: NDArray
    times_s: NDArray


class OneEuroSmoother:
    """The filter of `1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
    Systems <https://doi.org/10.1145/2207676.2208639>`_ (CHI 2012), for each track.

    A point at rest is smoothed much, a fast one little. Speeds are in sizes of the person (the
    longer side of its box) per second, so that the settings hold for people near and far. A point
    whose score is too low is neither smoothed nor remembered; after a gap of ``max_gap_s`` it
    starts anew.

    Args:
        min_cutoff_hz (float): Frequencies above it are damped in a point at rest. Defaults to 1.5.
        beta (float): How much the cutoff grows with the speed. Defaults to
            5.
        speed_cutoff_hz (float): Cutoff of the speed itself. Defaults to 1.
        min_score (float): Of points to use. Defaults to 0.3.
        max_gap_s (float): Defaults to 0.5.
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
        for name, value in dict(
            min_cutoff_hz=min_cutoff_hz, speed_cutoff_hz=speed_cutoff_hz
        ).items():
            if value <= 0:
                raise ValueError(f'`{name}` must be above 0, got {value}')
        if beta < 0:
            raise ValueError(f'`beta` must be at least 0, but got {beta}')
        self.min_cutoff_hz, self.beta = min_cutoff_hz, beta
        self.speed_cutoff_hz = speed_cutoff_hz
        self.min_score, self.max_gap_s = min_score, max_gap_s
        self.people: dict[int, PointState] = {}

    def reset(self) -> None:
        """Forget everybody."""
        self.people = {}

    def update(
        self, keypoints: NDArray, scores: NDArray, boxes: NDArray, track_ids: NDArray, time_s: float
    ) -> NDArray:
        """Smooth the next frame.

        Args:
            keypoints (NDArray): x, y in pixels, (N, K, 2).
            scores (NDArray): (N, K).
            boxes (NDArray): x1, y1, x2, y2, (N, 4).
            track_ids (NDArray): (N,).
            time_s (float): Of the frame; rising.

        Returns:
            NDArray: Of the shape and type of ``keypoints``.
        """
        smooth = keypoints.copy()
        people = {
            number: state
            for number, state in self.people.items()
            if time_s - state.times_s.max() <= self.max_gap_s
        }
        for index, number in enumerate(track_ids.tolist()):
            size = max(float((boxes[index, 2:] - boxes[index, :2]).max()), 1.0)
            state, smooth[index] = self._update_one(
                people.get(number), keypoints[index].astype(np.float64), scores[index], size, time_s
            )
            people[number] = state
        self.people = people
        return smooth

    def _update_one(
        self,
        before: PointState | None,
        points: NDArray,
        scores: NDArray,
        size: float,
        time_s: float,
    ) -> tuple[PointState, NDArray]:
        """The next state of a person, and its points (K, 2)."""
        count = len(points)
        if before is None or len(before.points) != count:
            never = np.full(count, -1.0)
            before = PointState(np.zeros((count, 2)), np.zeros((count, 2)), never)
        seen = (scores >= self.min_score) & np.isfinite(points).all(axis=1)
        gap = time_s - before.times_s
        known = (before.times_s >= 0) & (gap > 0) & (gap <= self.max_gap_s)
        step = np.where(known, gap, 1.0)[:, None]  # (K, 1)
        raw = (points - before.points) / size / step
        share = _share(self.speed_cutoff_hz, step)
        speeds = before.speeds + share * (raw - before.speeds)
        cutoff = self.min_cutoff_hz + self.beta * np.abs(speeds)
        filtered = before.points + _share(cutoff, step) * (points - before.points)
        goes_on, starts = (seen & known)[:, None], (seen & ~known)[:, None]
        state = PointState(
            np.where(goes_on, filtered, np.where(starts, points, before.points)),
            np.where(goes_on, speeds, np.where(starts, 0.0, before.speeds)),
            np.where(seen, time_s, before.times_s),
        )
        return state, np.where(goes_on, filtered, points)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :func:`smoother_state` gave."""
        self.people = {
            int(number): PointState(*map(np.array, values)) for number, values in state.items()
        }


def _share(cutoff_hz: Any, step_s: NDArray) -> NDArray:
    """Share of a new value in a low-pass filter of the first order."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))


def smoother_state(people: Mapping[int, PointState]) -> dict[str, Any]:
    """The state of a smoother in JSON types; numbers stay exact."""
    return {
        str(number): [state.points.tolist(), state.speeds.tolist(), state.times_s.tolist()]
        for number, state in people.items()
    }
