"""Results as files: one class for each kind of file; ``docs/dense_outputs.md`` describes maps."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from ...core.atomic_files import atomic_write
from ...io.images import decode_image
from ...io.map_io import encode_map, write_map
from ...io.point_clouds import write_ply
from ...keypoints.keypoint_sets import get_keypoint_set
from ...models.tasks import Task, get_task
from ...ops.compositing import composite_on, cover
from ...structures.fields import ALBEDO_MAP
from ...structures.results import ImageResult, MapResult, PoseResult, instances
from ...visualization.results import draw_overlay, draw_panel

OUTPUTS = ('keypoints', 'maps', 'masks', 'points', 'composites', 'overlays', 'panels')
DEFAULT_OUTPUTS = ('keypoints', 'maps', 'overlays', 'panels')
FORMATS = ('npy', 'png', 'exr')
AXES = 'x to the right, y down, z away from the camera'
QUALITY = 92
"""Of JPEG files."""


class Writer(ABC):
    """Writes a file for each image, below its ``folder``; another ``style`` is drawn again."""

    def __init__(self, folder: str, suffix: str, for_videos: bool = True) -> None:
        self.folder, self.suffix = folder, suffix
        self.for_videos = for_videos
        self.style: dict[str, Any] = {}

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
    """One map of each image: 'npy', 'png' (16 bits) or 'exr'; class ids are png of 8 bits instead
    of exr, points npy instead of png.
    """

    def __init__(self, task: str | Task, map_format: str = 'npy') -> None:
        if map_format not in FORMATS:
            raise ValueError(f'`map_format` must be one of {FORMATS}, but got {map_format!r}')
        row = get_task(task)
        if row.is_parsing and map_format == 'exr':
            map_format = 'png'  # exr has no integers of 8 bits
        if row.row.is_position and map_format == 'png':
            map_format = 'npy'  # png has no room for them
        super().__init__(row.name, f'.{map_format}')
        self.task = row.name

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the map of a result."""
        write_map(path, **self._content(result))

    def encode(self, result: ImageResult, name: str) -> bytes:
        """The file of this name that :meth:`write` would write."""
        return encode_map(name, **self._content(result))

    def _content(self, result: ImageResult) -> dict[str, Any]:
        found = result.tasks[self.task]
        assert isinstance(found, MapResult)
        is_color = found.field == ALBEDO_MAP.name and self.suffix == '.png'
        scaling = dict(scale=1 / 65535, offset=0.0) if is_color else {}
        return dict(array=found.values, field_name=found.field, **scaling)


class CameraWriter(Writer):
    """What a task of points knows of the camera, as JSON beside its maps."""

    def __init__(self, task: str) -> None:
        super().__init__(task, '.json')
        self.task = task

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the focal length of a result; null where it cannot be told."""
        found, (height, width) = result.tasks[self.task], result.frame.size_hw
        focal = found.focal_length if isinstance(found, MapResult) else None
        is_known = focal is not None and math.isfinite(focal)
        document: dict[str, Any] = dict(image=result.frame.source, name=result.frame.name)
        document.update(width=width, height=height)
        document.update(focal_length_px=focal if is_known else None, unit='meter', axes=AXES)
        atomic_write(json.dumps(document).encode(), path, is_durable=False)


class PointsWriter(Writer):
    """The points of a task with the colors of the image, as PLY; pixels without one are left out,
    and with ``is_foreground`` those where nobody is.
    """

    def __init__(self, task: str, is_foreground: bool = False) -> None:
        super().__init__(f'{task}_points', '.ply')
        self.task, self.is_foreground = task, is_foreground
        self.style = dict(foreground=is_foreground)

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the points of a result, possibly none."""
        found = result.tasks[self.task]
        assert isinstance(found, MapResult)
        kept = np.isfinite(found.values).all(axis=-1) & (found.values[..., 2] > 0)
        if self.is_foreground and (people := result.human_mask) is not None:
            kept &= people
        comments = [f'meters; {AXES}']
        if found.focal_length is not None:
            comments.append(f'focal length of the image: {found.focal_length:.6g} pixels')
        write_ply(path, found.values[kept], result.frame.image[kept][:, ::-1], comments)


class MaskWriter(Writer):
    """Where people are, from a parsing or a matting task: png, 0 or 255."""

    def __init__(self) -> None:
        super().__init__('mask', '.png')

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the mask of a result."""
        mask = result.human_mask
        assert mask is not None
        write_map(path, mask.astype(np.uint8), 'human_mask')


class CompositeWriter(Writer):
    """The foreground of a matting task before a background, a color or an image file: png."""

    def __init__(self, task: str, background: str) -> None:
        super().__init__(f'{task}_composite', '.png')
        self.task, self.background = task, background
        self.color, self.image = _read_background(background)
        digest = None if self.image is None else sha256(self.image.tobytes()).hexdigest()
        self.style = dict(background=digest or list(self.color))

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the composite of a result."""
        found, size_hw = result.tasks[self.task], result.frame.size_hw
        assert isinstance(found, MapResult)
        if self.image is not None:
            behind = cover(self.image, size_hw)
        else:
            behind = np.full((*size_hw, 3), self.color, dtype=np.uint8)
        seen = cv2.cvtColor(composite_on(found.values, behind), cv2.COLOR_RGB2BGR)
        atomic_write(cv2.imencode('.png', seen)[1].tobytes(), path, is_durable=False)


def _read_background(background: str) -> tuple[tuple[int, ...], NDArray | None]:
    """A color, RGB, and, of an image file, its pixels, RGB."""
    path = Path(background).expanduser()
    if path.is_file():
        bgr = decode_image(path.read_bytes(), str(path))
        return (), np.ascontiguousarray(bgr[..., ::-1])
    try:
        return ImageColor.getrgb(background)[:3], None
    except ValueError:
        raise ValueError(
            "`background` must be a color such as 'white' or '#00b140', or an image file, but got "
            f'{background!r}, which is neither'
        ) from None


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
    background: str | None = None,
    foreground: bool = False,
) -> list[Writer]:
    """The writers of some tasks, by :data:`OUTPUTS`; see :class:`.write_run.WriteOptions`."""
    wanted = set(outputs)
    if unknown := sorted(wanted - set(OUTPUTS)):
        raise KeyError(f'`outputs` must be some of {OUTPUTS}, but got {unknown}')
    rows = [get_task(task) for task in tasks]
    names = [row.name for row in rows]
    mattes = [row.name for row in rows if not row.is_pose and row.row.is_premultiplied]
    points = [row.name for row in rows if not row.is_pose and row.row.is_position]
    if background is not None:
        wanted.add('composites')
    elif 'composites' in wanted:
        background = 'white'
    knows_people = bool(mattes) or any(row.is_parsing for row in rows)
    needed = {
        'masks': (knows_people, 'a parsing task such as seg-28, or matting'),
        'points': (points, 'a task of points such as pointmap'),
        'composites': (mattes, 'a task such as matting'),
        'points of the foreground alone': (knows_people, 'seg-29 or matting as well'),
    }
    asked = wanted | ({'points of the foreground alone'} if foreground else set())
    for name, (has, what) in needed.items():
        if name in asked and not has:
            raise ValueError(f'{name} need {what}, but got {names}')
    if foreground and 'points' not in wanted:
        raise ValueError("`foreground` changes only points: add 'points' to `outputs`")
    writers: dict[str, list[Writer]] = dict(
        keypoints=[KeypointWriter(row.name) for row in rows if row.is_pose],
        maps=[MapWriter(row, map_format) for row in rows if not row.is_pose]
        + [CameraWriter(name) for name in points],
        masks=[MaskWriter()],
        points=[PointsWriter(name, foreground) for name in points],
        composites=[CompositeWriter(name, background) for name in mattes if background],
        overlays=[DrawingWriter(name, threshold, frame_pictures) for name in names],
        panels=[DrawingWriter(names, threshold, frame_pictures)],
    )
    return [writer for name in OUTPUTS if name in wanted for writer in writers[name]]
