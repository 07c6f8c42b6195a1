"""How inputs are read."""

from dataclasses import dataclass
from typing import Any

CHANNEL_ORDERS = ('bgr', 'rgb')


@dataclass(frozen=True)
class ReadOptions:
    """How inputs are read.

    Args:
        recursive (bool): Whether to go into the folders of a folder. Defaults to True.
        channel_order (str): Of arrays, 'bgr' as OpenCV has it, or 'rgb'. Defaults to 'bgr'.
        max_pixels (int): Images with more are refused undecoded. Defaults to 200 million, 600 MB.
        alpha_background (tuple[int, int, int]): RGB behind transparent pixels. Defaults to white.
        timeout_s (float): For a server to answer. Defaults to 30.
        max_download_mb (float): Largest download. Defaults to 500.
        frame_step (int): Every how many-th frame of a video is read. Defaults to 1.
        start_s (float): Where to start in a video, seconds. Defaults to 0.
        end_s (float, optional): Where to stop. Defaults to None, its end.
        max_frames (int, optional): Most frames of a video or camera. Defaults to None, all.
    """

    recursive: bool = True
    channel_order: str = 'bgr'
    max_pixels: int = 200_000_000
    alpha_background: tuple[int, int, int] = (255, 255, 255)
    timeout_s: float = 30.0
    max_download_mb: float = 500.0
    frame_step: int = 1
    start_s: float = 0.0
    end_s: float | None = None
    max_frames: int | None = None

    def __post_init__(self) -> None:
        if self.channel_order not in CHANNEL_ORDERS:
            got = f'but got {self.channel_order!r}'
            raise ValueError(f'`channel_order` must be one of {CHANNEL_ORDERS}, {got}')
        for name in ('max_pixels', 'frame_step', 'max_frames'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'`{name}` must be at least 1, got {value}')
        for name in ('timeout_s', 'max_download_mb'):
            if getattr(self, name) <= 0:
                raise ValueError(f'`{name}` must be above 0, got {getattr(self, name)}')
        if self.start_s < 0:
            raise ValueError(f'`start_s` must be at least 0, but got {self.start_s}')
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f'`end_s` must be after `start_s`, {self.start_s}, got {self.end_s}')

    def identity(self) -> dict[str, Any]:
        """What the results of a run depend on; limits only decide whether there are results."""
        names = 'channel_order alpha_background frame_step start_s end_s max_frames'
        return {name: getattr(self, name) for name in names.split()}


DEFAULTS = ReadOptions()
