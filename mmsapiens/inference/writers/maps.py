"""Maps and masks as files; see ``docs/dense_outputs.md``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...models.tasks import get_task
from ...structures.results import ImageResult, MapResult
from .base import Writer

FORMATS = ('npy', 'png', 'exr')


class MapWriter(Writer):
    """One map of each image: class ids, depth or normals.

    Args:
        task (str): Such as 'depth'.
        map_format (str): 'npy', 'png' (16 bits; 8 for class ids) or 'exr' (png for class ids).
            Defaults to 'npy'.
        for_videos (bool): As in :class:`Writer`. Defaults to True.
    """

    def __init__(self, task: str, map_format: str = 'npy', for_videos: bool = True) -> None:
        if map_format not in FORMATS:
            raise ValueError(f'`map_format` must be one of {FORMATS}, but got {map_format!r}')
        if get_task(task).is_parsing and map_format == 'exr':
            map_format = 'png'  # exr has no integers of 8 bits
        super().__init__(task, f'.{map_format}', for_videos)
        self.task = task

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the map of a result."""
        from ...io.map_io import write_map

        found = result.tasks[self.task]
        assert isinstance(found, MapResult)
        write_map(path, found.values, found.field)


class MaskWriter(Writer):
    """Where people are, from a parsing task: png, 0 or 255.

    Args:
        task (str): The parsing task.
        for_videos (bool): As in :class:`Writer`. Defaults to True.
    """

    def __init__(self, task: str, for_videos: bool = True) -> None:
        super().__init__('mask', '.png', for_videos)
        self.task = task

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the mask of a result."""
        from ...io.map_io import write_map

        found = result.tasks[self.task]
        assert isinstance(found, MapResult)
        mask = (found.values > 0).astype(np.uint8)
        write_map(path, mask, 'human_mask')
