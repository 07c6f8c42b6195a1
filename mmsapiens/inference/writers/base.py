"""What every writer of files does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from ...structures.results import ImageResult


class Writer(ABC):
    """Writes one file for each image, below a folder of its own.

    Args:
        folder (str): Its folder, relative to that of the results.
        suffix (str): Of its files, such as '.json'.
        for_videos (bool): Whether frames of videos have such a file too. Defaults to True.

    Attributes:
        style (dict[str, float]): Settings of drawings; a file that was drawn with others is drawn
            again.
    """

    def __init__(self, folder: str, suffix: str, for_videos: bool = True) -> None:
        self.folder, self.suffix = folder, suffix
        self.for_videos = for_videos
        self.style: dict[str, float] = {}

    def path(self, name: str) -> str:
        """The file of an image, relative to the folder of the results."""
        return f'{self.folder}/{name}{self.suffix}'

    def paths(self, name: str, is_video: bool = False) -> list[str]:
        """The files of an image or frame, relative; possibly none."""
        if is_video and not self.for_videos:
            return []
        return [self.path(name)]

    @abstractmethod
    def write(self, result: ImageResult, path: Path) -> None:
        """Write the file of a result; it appears when it is whole.

        Args:
            result (ImageResult): Of an image.
            path (Path): The file.
        """
