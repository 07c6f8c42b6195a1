"""What an annotated video shows."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray

from ...structures.results import ImageResult
from ...visualization.results import draw_overlay, draw_panel


class AnnotatedVideo:
    """Draws the frames of videos; they all have one size.

    Args:
        show (str): 'panel', or the task whose overlay is shown. Defaults to 'panel'.
        tasks (Sequence[str]): Of a panel, in this order.
        threshold (float): Smallest score of a keypoint that is drawn. Defaults to 0.3.

    Attributes:
        style (dict[str, str | float]): Settings; a video that was drawn with others is drawn again.

    Raises:
        KeyError: If ``show`` is none of these.
    """

    def __init__(self, tasks: Sequence[str], show: str = 'panel', threshold: float = 0.3) -> None:
        if show not in ('panel', *tasks):
            raise KeyError(f'`show` must be one of {("panel", *tasks)}, but got {show!r}')
        self.show, self.tasks = show, tuple(tasks)
        self.threshold = threshold
        self.style: dict[str, str | float] = dict(show=show, threshold=threshold)

    def path(self, video: str) -> str:
        """The file of a video, relative to the folder of the results."""
        return f'video/{video}.mp4'

    def draw(self, result: ImageResult) -> NDArray:
        """A frame of the video, RGB, uint8 (_, _, 3)."""
        if self.show != 'panel':
            return draw_overlay(result, self.show, threshold=self.threshold)
        return draw_panel(result, self.tasks, threshold=self.threshold, with_legend=False)
