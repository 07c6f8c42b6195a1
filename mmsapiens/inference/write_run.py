"""Results of a run as files."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..models.tasks import Task, get_task
from ..structures.results import ImageResult, MapResult, ReadFailure
from .output_folder import OutputFolder
from .prefetch import close, map_ahead
from .temporal import TemporalFilter
from .writers import DEFAULT_OUTPUTS, AnnotatedVideo, MapWriter, Writer, build_writers
from .writers.coco_results import FindEntry

Item = ImageResult | ReadFailure
State = Callable[[], dict[str, Any] | None]

WRITERS = 4
"""Threads that write: a disk, or one on a network, is mostly waiting."""
WRITING_BYTES = 2**26
"""Results that wait to be written, in bytes, after which none is added."""


@dataclass(frozen=True)
class WriteOptions:
    """What is written.

    Args:
        outputs (tuple[str, ...]): Some of :data:`mmsapiens.inference.writers.OUTPUTS`. Defaults to
            keypoints, maps, overlays and panels.
        map_format (str): 'npy', 'png' or 'exr'. Defaults to 'npy'.
        background (str, optional): A color such as 'white', or an image file, that mattes are put
            on; adds 'composites' to the outputs. Defaults to None.
        foreground (bool): Whether points are of people alone, which needs a parsing or a matting
            task. Defaults to False.
        threshold (float): Least score of a keypoint that is drawn. Defaults to 0.3.
        video (str, optional): What annotated videos show, 'panel' or a task; None for no videos.
        frame_pictures (bool): Whether frames of videos have overlays and panels of their own.
        overwrite (bool): Whether to replace results of other models or options.
        checkpoint_frames (int): Frames of a video after which a run can go on. Defaults to 200.
    """

    outputs: tuple[str, ...] = DEFAULT_OUTPUTS
    map_format: str = 'npy'
    background: str | None = None
    foreground: bool = False
    threshold: float = 0.3
    video: str | None = None
    frame_pictures: bool = False
    overwrite: bool = False
    checkpoint_frames: int = 200

    def check(self, tasks: Sequence[str | Task]) -> None:
        """Refuse what these tasks do not have, before anything is loaded."""
        self.writers(tasks)
        MapWriter('depth', self.map_format)
        if self.video is not None:
            AnnotatedVideo([get_task(task).name for task in tasks], self.video)

    def writers(self, tasks: Sequence[str | Task]) -> list[Writer]:
        """Writers of some tasks."""
        options: Any = dict(threshold=self.threshold, frame_pictures=self.frame_pictures)
        options.update(background=self.background, foreground=self.foreground)
        return build_writers(tasks, self.outputs, map_format=self.map_format, **options)

    def open(
        self,
        out: Any,
        tasks: Sequence[str | Task],
        identity: Mapping[str, Any],
        find_entry: FindEntry | None = None,
    ) -> OutputFolder:
        """The folder of the results of some tasks; arguments are as in :class:`OutputFolder`."""
        show = self.video
        names = [get_task(task).name for task in tasks]
        video = None if show is None else AnnotatedVideo(names, show, self.threshold)
        return OutputFolder(
            out,
            self.writers(tasks),
            identity,
            video=video,
            overwrite=self.overwrite,
            checkpoint_frames=self.checkpoint_frames,
            find_entry=find_entry,
        )


@dataclass
class RunSummary:
    """What a run did: images and frames done, inputs that were done before or cannot be read."""

    folder: Path
    done: int = 0
    skipped: int = 0
    people: int = 0
    failed: list[ReadFailure] = field(default_factory=list)
    seconds: float = 0.0


def write_results(
    folder: OutputFolder,
    results: Generator[Item, None, None],
    temporal: TemporalFilter | None = None,
    on_item: Callable[[Item], None] | None = None,
) -> RunSummary:
    """Write results as they come, and close them; after an error the folder can be continued. The
    state of ``temporal`` is kept with videos; ``on_item`` is called with each result once it is
    written.
    """
    start = time.monotonic()
    summary = RunSummary(folder.folder)

    def write(entry: tuple[Item, State]) -> tuple[Item, State, NDArray | None]:
        item, state = entry
        return item, state, None if isinstance(item, ReadFailure) else folder.write_files(item)

    with folder, ThreadPoolExecutor(WRITERS, 'mmsapiens-writing') as pool:
        entries = _with_state(results, temporal)
        with closing(map_ahead(write, entries, pool, WRITERS, _bytes, WRITING_BYTES)) as written:
            for item, state, drawn in written:
                if isinstance(item, ReadFailure):
                    folder.fail(item)
                    summary.failed.append(item)
                else:
                    folder.note(item, drawn, state)
                    summary.done += 1
                    summary.people += len(item.people)
                if on_item is not None:
                    on_item(item)
                del item, state, drawn  # or it would live on while we wait for the next
    summary.skipped = folder.skipped
    summary.seconds = time.monotonic() - start
    return summary


def _with_state(
    results: Generator[Item, None, None], temporal: TemporalFilter | None
) -> Generator[tuple[Item, State], None, None]:
    """Each result with the state of tracking and smoothing after it."""
    try:
        for item in results:
            is_filtered = temporal is not None and isinstance(item, ImageResult)
            yield item, temporal.snapshot() if is_filtered else lambda: None  # type: ignore[union-attr]
            del item
    finally:
        close(results)


def _bytes(entry: tuple[Item, State]) -> int:
    """Size of the arrays of a result."""
    item = entry[0]
    if isinstance(item, ReadFailure):
        return 0
    maps = (r for r in item.tasks.values() if isinstance(r, MapResult))
    return item.frame.image.nbytes + sum(one.values.nbytes for one in maps)
