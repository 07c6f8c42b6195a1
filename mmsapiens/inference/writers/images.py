"""Drawn results as JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
from numpy.typing import NDArray

from ...core.atomic_files import atomic_write
from ...structures.results import ImageResult
from ...visualization.results import draw_overlay, draw_panel
from .base import Writer

QUALITY = 92


def write_jpeg(path: Path, image: NDArray) -> None:
    """Write an image, RGB uint8 (H, W, 3); it appears when it is whole."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    _, data = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    atomic_write(data.tobytes(), path, is_durable=False)


class OverlayWriter(Writer):
    """The result of a task over its image, in the image's size.

    Args:
        task (str): Such as 'pose-308'.
        threshold (float): Smallest score of a keypoint that is drawn. Defaults to 0.3.
        for_videos (bool): As in :class:`Writer`. Defaults to False.
    """

    def __init__(self, task: str, threshold: float = 0.3, for_videos: bool = False) -> None:
        super().__init__(f'{task}_overlay', '.jpg', for_videos)
        self.task, self.threshold = task, threshold
        self.style = dict(threshold=threshold)

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the overlay of a result."""
        drawn = draw_overlay(result, self.task, threshold=self.threshold)
        write_jpeg(path, drawn)


class PanelWriter(Writer):
    """The image and all tasks side by side.

    Args:
        tasks (Sequence[str]): In this order.
        threshold (float): As in :class:`OverlayWriter`.
        for_videos (bool): As in :class:`Writer`. Defaults to False.
    """

    def __init__(
        self, tasks: Sequence[str], threshold: float = 0.3, for_videos: bool = False
    ) -> None:
        super().__init__('panel', '.jpg', for_videos)
        self.tasks, self.threshold = tuple(tasks), threshold
        self.style = dict(threshold=threshold)

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the panel of a result."""
        drawn = draw_panel(result, self.tasks, threshold=self.threshold)
        write_jpeg(path, drawn)
