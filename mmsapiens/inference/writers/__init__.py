"""Results as files: one class for each kind of file; ``docs/dense_outputs.md`` describes maps."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.atomic_files import atomic_write
from ...io.map_io import write_map
from ...keypoints.keypoint_sets import get_keypoint_set
from ...models.tasks import Task, get_task
from ...structures.results import ImageResult, MapResult, PoseResult, instances
from ...visualization.results import draw_overlay, draw_panel

OUTPUTS = ('keypoints', 'maps', 'masks', 'overlays', 'panels')
DEFAULT_OUTPUTS = ('keypoints', 'maps', 'overlays', 'panels')
FORMATS = ('npy', 'png', 'exr')
QUALITY = 92
"""Of JPEG files."""


class Writer(ABC):
    """Writes a file for each image, below its ``folder``; another ``style`` is drawn again."""

    def __init__(self, folder: str, suffix: str, for_videos: bool = True) -> None:
        self.folder, self.suffix = folder, suffix
        self.for_videos = for_videos
        self.style: dict[str, float] = {}

    def path(self, name: str) -> str:
        """The file of an image, relative to the folder of the results."""
        return f'{self.folder}/{name}{self.suffix}'

    def paths(self, name: str, is_video: bool = False) -> list[str]:
        """The files of an image or frame, relative; possibly none."""
        return [] if is_video and not self.for_videos else [self.path(name)]

    @abstractmethod
    def write(self, result: ImageResult, path: Path) -> None:
        """Write the file of a result; it appears when it is whole."""


class KeypointWriter(Writer):
    """Keypoints as JSON, in the layout of the stock inferencers; one file an image."""

    def __init__(self, task: str) -> None:
        super().__init__(task, '.json')
        self.task = task

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the keypoints of a result; a TypeError if the task has none."""
        document = _keypoint_document(result, self.task)
        atomic_write(json.dumps(document, allow_nan=False).encode(), path, is_durable=False)


def _keypoint_document(result: ImageResult, task: str) -> dict[str, Any]:
    """What a file of keypoints holds; numbers to a thousandth of a pixel or finer."""
    pose, frame, people = result.tasks[task], result.frame, result.people
    if not isinstance(pose, PoseResult):
        raise TypeError(f'{task!r} must have keypoints, but got {type(pose)}')
    vocabulary = get_keypoint_set(pose.vocabulary)
    height, width = frame.size_hw
    meta: dict[str, Any] = dict(
        image=frame.source,
        name=frame.name,
        width=width,
        height=height,
        dataset_name=vocabulary.name,
        num_keypoints=len(vocabulary),
        keypoint_names=list(vocabulary.keypoint_names),
        skeleton_links=[list(link) for link in vocabulary.links],
        bbox_origin=people.origin,
    )
    if frame.video is not None:
        meta.update(frame_index=frame.index, time_s=frame.time_s)
    found = instances(pose, people)
    for person in found:
        for key, digits in dict(keypoints=3, keypoint_scores=5, bbox=3).items():
            person[key] = np.round(person[key], digits).tolist()
        person['bbox_score'] = round(person['bbox_score'], 5)
    return dict(meta_info=meta, instance_info=found)


class MapWriter(Writer):
    """One map of each image: 'npy', 'png' (16 bits) or 'exr'; class ids are png of 8 bits."""

    def __init__(self, task: str | Task, map_format: str = 'npy') -> None:
        if map_format not in FORMATS:
            raise ValueError(f'`map_format` must be one of {FORMATS}, but got {map_format!r}')
        row = get_task(task)
        if row.is_parsing and map_format == 'exr':
            map_format = 'png'  # exr has no integers of 8 bits
        super().__init__(row.name, f'.{map_format}')
        self.task = row.name

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the map of a result."""
        found = result.tasks[self.task]
        assert isinstance(found, MapResult)
        write_map(path, found.values, found.field)


class MaskWriter(Writer):
    """Where people are, from a parsing task: png, 0 or 255."""

    def __init__(self, task: str) -> None:
        super().__init__('mask', '.png')
        self.task = task

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the mask of a result."""
        found = result.tasks[self.task]
        assert isinstance(found, MapResult)
        write_map(path, (found.values > 0).astype(np.uint8), 'human_mask')


class DrawingWriter(Writer):
    """A drawing as JPEG: the result of a task over its image, or all tasks side by side."""

    def __init__(
        self, tasks: str | Sequence[str], threshold: float = 0.3, for_videos: bool = False
    ) -> None:
        folder = f'{tasks}_overlay' if isinstance(tasks, str) else 'panel'
        super().__init__(folder, '.jpg', for_videos)
        self.tasks, self.style = tasks, dict(threshold=threshold)

    def write(self, result: ImageResult, path: Path) -> None:
        """Draw a result."""
        draw: Any = draw_overlay if isinstance(self.tasks, str) else draw_panel
        image = draw(result, self.tasks, threshold=self.style['threshold'])
        quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        content = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1]
        atomic_write(content.tobytes(), path, is_durable=False)


class AnnotatedVideo:
    """Draws the frames of videos, which all have one size: 'panel', or the overlay of a task."""

    def __init__(self, tasks: Sequence[str], show: str = 'panel', threshold: float = 0.3) -> None:
        if show not in ('panel', *tasks):
            raise KeyError(f'`show` must be one of {("panel", *tasks)}, but got {show!r}')
        self.show, self.tasks, self.threshold = show, tuple(tasks), threshold
        self.style: dict[str, str | float] = dict(show=show, threshold=threshold)

    def path(self, video: str) -> str:
        """The file of a video, relative to the folder of the results."""
        return f'video/{video}.mp4'

    def draw(self, result: ImageResult) -> NDArray:
        """A frame of the video, RGB, uint8 (_, _, 3)."""
        if self.show != 'panel':
            return draw_overlay(result, self.show, threshold=self.threshold)
        return draw_panel(result, self.tasks, threshold=self.threshold, with_legend=False)


def build_writers(
    tasks: Sequence[str | Task],
    outputs: Iterable[str] = DEFAULT_OUTPUTS,
    *,
    map_format: str = 'npy',
    threshold: float = 0.3,
    frame_pictures: bool = False,
) -> list[Writer]:
    """The writers of some tasks, by :data:`OUTPUTS`; see :class:`.write_run.WriteOptions`."""
    wanted = set(outputs)
    if unknown := sorted(wanted - set(OUTPUTS)):
        raise KeyError(f'`outputs` must be some of {OUTPUTS}, but got {unknown}')
    rows = [get_task(task) for task in tasks]
    names = [row.name for row in rows]
    parsing = [row.name for row in rows if row.is_parsing]
    if 'masks' in wanted and not parsing:
        raise ValueError(f'masks need a parsing task such as seg-28, but got {names}')
    writers: dict[str, list[Writer]] = dict(
        keypoints=[KeypointWriter(row.name) for row in rows if row.is_pose],
        maps=[MapWriter(row, map_format) for row in rows if not row.is_pose],
        masks=[MaskWriter(name) for name in parsing[:1]],
        overlays=[DrawingWriter(name, threshold, frame_pictures) for name in names],
        panels=[DrawingWriter(names, threshold, frame_pictures)],
    )
    return [writer for name in OUTPUTS if name in wanted for writer in writers[name]]
