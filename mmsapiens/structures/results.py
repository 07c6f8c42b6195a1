"""An image on its way through inference, and what was found in it.

Shapes: N people, K keypoints, H W height and width of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ReadError
from .fields import MATTE_MAP, get_field

T = TypeVar('T')


@dataclass(frozen=True)
class Image:
    """One image of a source.

    Args:
        image (NDArray): BGR, uint8 (H, W, 3), turned as its EXIF orientation says.
        name (str): Where its results go, relative to the output folder and without a suffix, such
            as 'holiday/beach' or 'clip/000012'. Unique in a run.
        source (str): Path or URL, or 'array 3' for the fourth array.
        index (int): Place in its source, from 0.
        time_s (float, optional): Seconds since the start of its video. Defaults to None, no video.
        video (str, optional): Name of the video's results, such as 'clip'. Defaults to None.
        fps (float, optional): Average of its video. Defaults to None, unknown.
    """

    image: NDArray
    name: str
    source: str
    index: int = 0
    time_s: float | None = None
    video: str | None = None
    fps: float | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True)
class ReadFailure:
    """An image that could not be read; ``reason`` is what is wrong with it and the way out."""

    name: str
    source: str
    reason: str


@dataclass(frozen=True)
class LazyImage:
    """An image to be read by any thread; ``decode`` gives its pixels, or raises a ReadError."""

    name: str
    source: str
    decode: Callable[[], NDArray]

    def read(self) -> Image | ReadFailure:
        """Read it now."""
        try:
            return Image(self.decode(), self.name, self.source)
        except ReadError as error:
            return ReadFailure(self.name, self.source, str(error))


@dataclass
class People:
    """Boxes of the people in an image.

    Args:
        boxes (NDArray): x1, y1, x2, y2 in pixels of the image, float32 (N, 4).
        scores (NDArray): Confidence in [0, 1], float32 (N,).
        origin (str): 'detector', 'file', 'caller' or 'image', the whole image as one box.
        track_ids (NDArray, optional): Number of the person in every frame of a video, int64 (N,).
            Defaults to None.
    """

    boxes: NDArray
    scores: NDArray
    origin: str
    track_ids: NDArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def whole_image(cls, size_hw: tuple[int, int]) -> People:
        """One box around the whole image."""
        height, width = size_hw
        box = np.array([[0, 0, width, height]], dtype=np.float32)
        return cls(box, np.ones(1, dtype=np.float32), 'image')


@dataclass
class PoseResult:
    """Keypoints of all people in an image, in the order of their boxes.

    Args:
        keypoints (NDArray): x, y in pixels of the image, float32 (N, K, 2); pixel centers have
            whole numbers.
        scores (NDArray): float32 (N, K).
        vocabulary (str | KeypointSet): As for :func:`mmsapiens.keypoints.get_keypoint_set`.
    """

    keypoints: NDArray
    scores: NDArray
    vocabulary: Any


@dataclass
class MapResult:
    """A value for each pixel of an image.

    Args:
        values (NDArray): uint8 (H, W) class ids, else float32: (H, W) relative depth, (H, W, 3)
            unit normals, points in meters or albedo, or (H, W, 4) premultiplied foreground and
            opacity; see ``docs/dense_outputs.md``.
        field (str): A row of :data:`FIELDS`, such as 'seg_map'.
        classes (tuple[str, ...]): Names of the class ids; ``palette`` has their RGB colors.
        focal_length (float, optional): That of the image in pixels, with a map of points; NaN where
            it cannot be told, as then the points. Defaults to None.
    """

    values: NDArray
    field: str
    classes: tuple[str, ...] = ()
    palette: tuple[tuple[int, ...], ...] = ()
    focal_length: float | None = None

    @property
    def is_labels(self) -> bool:
        """Whether values are class ids."""
        return get_field(self.field).is_labels


@dataclass
class ImageResult:
    """Everything found in one image.

    Args:
        frame (Image): The image.
        people (People): Its people; possibly none.
        tasks (dict[str, PoseResult | MapResult]): Task, such as 'pose-308', -> result.
        drawings (dict, optional): Where drawings are kept for the next image. Defaults to None.
    """

    frame: Image
    people: People
    tasks: dict[str, PoseResult | MapResult] = field(default_factory=dict)
    drawings: dict[Any, Any] | None = field(default=None, repr=False, compare=False, kw_only=True)

    def drawn_once(self, key: Any, draw: Callable[[], T]) -> T:
        """A drawing, kept for the next time if drawings are."""
        if self.drawings is None:
            return draw()
        if key not in self.drawings:
            self.drawings[key] = draw()
        found: T = self.drawings[key]
        return found

    @property
    def human_mask(self) -> NDArray | None:
        """Pixels of people, bool (H, W), where a parsing or a matting task was run."""
        maps = [found for found in self.tasks.values() if isinstance(found, MapResult)]
        for result in maps:
            if result.is_labels:
                return result.values > 0
        for result in maps:
            if result.field == MATTE_MAP.name:
                return result.values[..., 3] >= 0.5
        return None


def prediction(item: ImageResult | ReadFailure) -> dict[str, Any]:
    """A result without classes of this package.

    It has ``name`` and ``source``; ``error``, if it could not be read; else by task a list of
    :func:`instances` or a map, and ``TASK_focal_length`` in pixels with a map of points.
    """
    if isinstance(item, ReadFailure):
        return dict(name=item.name, source=item.source, error=item.reason)
    answer: dict[str, Any] = dict(name=item.frame.name, source=item.frame.source)
    for task, found in item.tasks.items():
        if isinstance(found, PoseResult):
            answer[task] = instances(found, item.people)
        else:
            answer[task] = found.values
            if found.focal_length is not None:
                answer[f'{task}_focal_length'] = found.focal_length
    return answer


def instances(pose: PoseResult, people: People) -> list[dict[str, Any]]:
    """The people of an image as MMPose's inferencers give them: ``keypoints`` [[x, y], ...],
    ``keypoint_scores``, ``bbox`` [x1, y1, x2, y2], ``bbox_score``, and ``track_id`` where people
    are tracked."""
    columns = dict(
        keypoints=pose.keypoints,
        keypoint_scores=pose.scores,
        bbox=people.boxes,
        bbox_score=people.scores.astype(float),
    )
    if people.track_ids is not None:
        columns['track_id'] = people.track_ids
    rows = zip(*(values.tolist() for values in columns.values()))
    return [dict(zip(columns, row)) for row in rows]
