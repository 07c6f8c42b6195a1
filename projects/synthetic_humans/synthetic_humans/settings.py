"""What the images of a dataset have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cameras import VIEWS, YAWS


@dataclass(frozen=True)
class Settings:
    """What the images of a dataset have in common.

    Args:
        size_hw (tuple[int, int]): Height and width in pixels.
        seed (int): Of the dataset.
        views (tuple[str, ...]): Of ``VIEWS``. Defaults to all.
        people (tuple[int, int]): Fewest and most people. Defaults to (1, 1).
        panoramas (tuple[Path, ...]): Environment maps. Defaults to ().
        images (tuple[Path, ...]): Backgrounds. Defaults to ().
        device (str): A Warp device. Defaults to 'cpu'.
        yaw (str): Directions of view, of ``YAWS``. Defaults to 'mixed'.
    """

    size_hw: tuple[int, int]
    seed: int = 0
    views: tuple[str, ...] = VIEWS
    people: tuple[int, int] = (1, 1)
    panoramas: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    device: str = 'cpu'
    yaw: str = 'mixed'

    def __post_init__(self) -> None:
        unknown = [view for view in self.views if view not in VIEWS]
        if unknown or not self.views:
            raise ValueError(f'`views` must be some of {VIEWS}, but got {self.views}')
        if self.yaw not in YAWS:
            raise ValueError(f'`yaw` must be one of {list(YAWS)}, but got {self.yaw!r}')
        low, high = self.people
        if not 1 <= low <= high <= 20:
            raise ValueError(
                f'`people` must be two increasing numbers from 1 to 20, but got {self.people}'
            )
        if min(self.size_hw) < 16:
            raise ValueError(
                f'`size_hw` must be at least 16 pixels each way, but got {self.size_hw}'
            )
