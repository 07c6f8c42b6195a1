"""One image through all tasks, ready to be shown and downloaded.

Shapes: H W height and width of the image as it is shown.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmsapiens import SapiensInferencer
from mmsapiens.core import ReadError
from mmsapiens.inference.write_run import WriteOptions
from mmsapiens.inference.writers import DEFAULT_OUTPUTS
from mmsapiens.io.images import decode_image
from mmsapiens.io.names import clean_part
from mmsapiens.structures.results import Image, ImageResult, MapResult, PoseResult
from mmsapiens.visualization.results import draw_overlay

LONGER_SIDE = 1280
"""Of images as they are shown, in pixels."""
DRAWN = {'pose': 1.0, 'seg': 0.6, 'depth': 0.9, 'normal': 0.9}
DRAWN |= {'pointmap': 0.9, 'albedo': 1.0, 'matting': 1.0}
"""Kind of task -> opacity of its drawing at first."""


class NoImageError(ValueError):
    """There is no image, or it cannot be read."""


@dataclass(frozen=True)
class Analysis:
    """What was found in an image.

    Args:
        image (NDArray): RGB, uint8 (H, W, 3).
        layers (dict[str, NDArray]): Task -> its drawing, likewise, which hides the image where
            there is something to see.
        found (dict[str, str]): Task -> what was found, in a few words.
        archive (Path): A zip of all files that `mmsapiens infer` writes.
    """

    image: NDArray
    layers: dict[str, NDArray]
    found: dict[str, str]
    archive: Path


def blend(image: NDArray, layer: NDArray, opacity: float) -> NDArray:
    """Lay a drawing over an image.

    Args:
        image (NDArray): RGB, uint8 (H, W, 3).
        layer (NDArray): Likewise.
        opacity (float): From 0, the image, to 1, the drawing.

    Returns:
        NDArray: RGB, uint8 (H, W, 3).
    """
    mixed: NDArray = cv2.addWeighted(layer, opacity, image, 1 - opacity, 0)
    return mixed


def analyse(
    inferencer: SapiensInferencer, path: str | Path | None, people: str, folder: Path
) -> Analysis:
    """Show an image to the networks.

    Args:
        inferencer (SapiensInferencer): The networks.
        path (str | Path, optional): File of the image.
        people (str): 'detect', or 'image' for one person who fills it.
        folder (Path): Gets a folder with the archive.

    Raises:
        NoImageError: If there is no image, or it cannot be read.
    """
    if path is None:
        raise NoImageError('Choose an image first.')
    if not inferencer.has_pose:
        people = 'image'
    name = Path(path).name  # a visitor should not see where the server keeps it
    try:
        image = decode_image(Path(path).read_bytes(), name)
    except ReadError as error:
        raise NoImageError(str(error)) from error
    frame = Image(image, clean_part(Path(name).stem), name)
    (result,) = inferencer.stream([frame], people=people)
    small = shrink(result)
    layers = {task: draw_overlay(small, task, opacity=1.0) for task in result.tasks}
    return Analysis(
        np.ascontiguousarray(small.frame.image[..., ::-1]),
        layers,
        {task: describe(result, task) for task in result.tasks},
        write_archive(result, folder),
    )


def shrink(result: ImageResult) -> ImageResult:
    """A result at the size of the screen.

    Args:
        result (ImageResult): Of an image of any size.

    Returns:
        ImageResult: Its longer side at most :data:`LONGER_SIDE`.
    """
    height, width = result.frame.size_hw
    scale = LONGER_SIDE / max(height, width)
    if scale >= 1:
        return result
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    image = cv2.resize(result.frame.image, size_wh, interpolation=cv2.INTER_AREA)
    ratio = np.array(size_wh, dtype=np.float32) / (width, height)
    tasks = {}
    for task, found in result.tasks.items():
        if isinstance(found, PoseResult):
            points = (found.keypoints + 0.5) * ratio - 0.5
            tasks[task] = replace(found, keypoints=points.astype(np.float32))
        else:
            values = cv2.resize(found.values, size_wh, interpolation=cv2.INTER_NEAREST)
            tasks[task] = replace(found, values=values)
    boxes = result.people.boxes * np.tile(ratio, 2)
    return ImageResult(
        replace(result.frame, image=image), replace(result.people, boxes=boxes), tasks
    )


def describe(result: ImageResult, task: str) -> str:
    """What was found, in a few words."""
    found = result.tasks[task]
    if isinstance(found, PoseResult):
        seen = int((found.scores >= 0.3).sum())
        people = len(result.people)
        noun = 'person' if people == 1 else 'people'
        return f'{people} {noun}, {seen} keypoints with a score above 0.3'
    height, width = found.values.shape[:2]
    if found.field == 'seg_map':
        ids = [int(i) for i in np.unique(found.values) if i > 0]
        names = [found.classes[i] if i < len(found.classes) else str(i) for i in ids]
        share = (found.values > 0).mean()
        shown = ', '.join(name.replace('_', ' ') for name in names)
        return f'{100 * share:.0f} % of the image: {shown or "nobody"}'
    if found.field == 'point_map':
        return _describe_points(found, result.human_mask)
    if found.field == 'matte_map':
        return f'{100 * found.values[..., 3].mean():.0f} % of the image is in front'
    return f'{width} x {height} pixels'


def _describe_points(found: MapResult, people: NDArray | None) -> str:
    """Distances, of people where it is known where they are, and the focal length."""
    depth = found.values[..., 2]
    seen = depth[people] if people is not None and people.any() else depth
    seen = seen[np.isfinite(seen) & (seen > 0)]
    if not seen.size:
        return 'no points: their scale cannot be told'
    near, far = np.percentile(seen, (1, 99))
    text = f'{near:.2f} to {far:.2f} m away'
    if found.focal_length is not None:
        text += f', focal length {found.focal_length:.0f} pixels'
    return text


def outputs_of(result: ImageResult) -> tuple[str, ...]:
    """What there is to download: also clouds of points, and mattes on white."""
    fields = {found.field for found in result.tasks.values() if isinstance(found, MapResult)}
    more = {'points': 'point_map', 'composites': 'matte_map'}
    return (*DEFAULT_OUTPUTS, *(name for name, field in more.items() if field in fields))


def write_archive(result: ImageResult, folder: Path) -> Path:
    """Write all files of a result into a zip.

    Args:
        result (ImageResult): Of an image.
        folder (Path): Gets a folder of its own for it.
    """
    name = Path(result.frame.name).name
    place = Path(tempfile.mkdtemp(dir=folder))
    archive = place / f'{name}-mmsapiens.zip'
    with (
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as bundle,
    ):
        for writer in WriteOptions(outputs=outputs_of(result)).writers(tuple(result.tasks)):
            file = Path(scratch) / writer.path(name)
            writer.write(result, file)
            bundle.write(file, writer.path(name))
    return archive


def first_opacity(task: str) -> float:
    """Opacity of the drawing of a task before anybody moves a slider."""
    return DRAWN[task.split('-')[0]]
