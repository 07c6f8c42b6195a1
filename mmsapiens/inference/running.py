"""Results of a run as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .frames import FrameResult, Unreadable
from .output_folder import OutputFolder
from .temporal import TemporalFilter
from .writers import AnnotatedVideo, Writer, build_writers
from .writers.build import DEFAULT_OUTPUTS
from .writers.coco_results import ImageIds

Item = FrameResult | Unreadable


@dataclass(frozen=True)
class WriteOptions:
    """What is written.

    Args:
        outputs (tuple[str, ...]): Some of
            :data:`mmsapiens.inference.writers.OUTPUTS`. Defaults to
            keypoints, maps, overlays and panels.
        map_format (str): 'npy', 'png' or 'exr'. Defaults to 'npy'.
        threshold (float): Least score of a keypoint that is drawn. Defaults
            to 0.3.
        video (str, optional): What annotated videos show, 'panel' or a task.
            Defaults to None, none are written.
        frame_pictures (bool): Whether frames of videos have overlays and
            panels of their own. Defaults to False.
        overwrite (bool): Whether to replace results of other models or
            options. Defaults to False.
        checkpoint_frames (int): Frames of a video after which an interrupted
            run can go on. Defaults to 200.
    """

    outputs: tuple[str, ...] = DEFAULT_OUTPUTS
    map_format: str = 'npy'
    threshold: float = 0.3
    video: str | None = None
    frame_pictures: bool = False
    overwrite: bool = False
    checkpoint_frames: int = 200

    def writers(self, tasks: tuple[str, ...]) -> list[Writer]:
        """Writers of some tasks."""
        return build_writers(
            tasks,
            self.outputs,
            map_format=self.map_format,
            threshold=self.threshold,
            frame_pictures=self.frame_pictures,
        )

    def open(
        self,
        out: Any,
        tasks: tuple[str, ...],
        identity: Mapping[str, Any],
        image_ids: ImageIds | None = None,
    ) -> OutputFolder:
        """The folder of the results of some tasks.

        Args:
            out (str | Path): Where it is.
            tasks (tuple[str, ...]): The tasks.
            identity (Mapping[str, Any]): What results depend on.
            image_ids (Callable, optional): As in :class:`OutputFolder`.
        """
        video = None
        if self.video is not None:
            video = AnnotatedVideo(tasks, self.video, self.threshold)
        return OutputFolder(
            out,
            self.writers(tasks),
            identity,
            video=video,
            overwrite=self.overwrite,
            checkpoint_frames=self.checkpoint_frames,
            image_ids=image_ids,
        )


@dataclass
class RunSummary:
    """What a run did.

    Args:
        folder (Path): Where its results are.
        done (int): Pictures and frames with results. Defaults to 0.
        skipped (int): Pictures and videos that were done before. Defaults to
            0.
        people (int): Found in all pictures together. Defaults to 0.
        failed (list[Unreadable]): Inputs that could not be read.
        seconds (float): How long it took. Defaults to 0.
    """

    folder: Path
    done: int = 0
    skipped: int = 0
    people: int = 0
    failed: list[Unreadable] = field(default_factory=list)
    seconds: float = 0.0


def write_results(
    folder: OutputFolder,
    results: Generator[Item, None, None],
    temporal: TemporalFilter | None = None,
    on_item: Callable[[Item], None] | None = None,
) -> RunSummary:
    """Write results as they come; after an error the folder can be continued.

    Args:
        folder (OutputFolder): Where to.
        results (Generator): It is closed at the end.
        temporal (TemporalFilter, optional): What they went through last; its
            state is kept with videos. Defaults to None.
        on_item (Callable, optional): Told each result once it is written.
            Defaults to None.
    """
    start = time.monotonic()
    summary = RunSummary(folder.folder)
    with folder, closing(results):
        for item in results:
            if isinstance(item, Unreadable):
                folder.fail(item)
                summary.failed.append(item)
            else:
                if temporal is None:
                    folder.write(item)
                else:
                    folder.write(item, temporal.snapshot())
                summary.done += 1
                summary.people += len(item.people)
            if on_item is not None:
                on_item(item)
            del item  # or it would live on while we wait for the next
    summary.skipped = folder.skipped
    summary.seconds = time.monotonic() - start
    return summary
