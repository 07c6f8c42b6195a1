"""The writers of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...models.tasks import get_task
from .base import Writer
from .images import OverlayWriter, PanelWriter
from .keypoints import KeypointWriter
from .maps import MapWriter, MaskWriter

OUTPUTS = ('keypoints', 'maps', 'masks', 'overlays', 'panels')
DEFAULT_OUTPUTS = ('keypoints', 'maps', 'overlays', 'panels')


def build_writers(
    tasks: Sequence[str],
    outputs: Iterable[str] = DEFAULT_OUTPUTS,
    *,
    map_format: str = 'npy',
    threshold: float = 0.3,
    frame_pictures: bool = False,
) -> list[Writer]:
    """Make the writers of some tasks.

    Args:
        tasks (Sequence[str]): Such as ['pose-308', 'depth'].
        outputs (Iterable[str]): Some of :data:`OUTPUTS`. Masks need a parsing task. Defaults to all
            but masks.
        map_format (str): As in :class:`MapWriter`. Defaults to 'npy'.
        threshold (float): Smallest score of a keypoint that is drawn. Defaults to 0.3.
        frame_pictures (bool): Whether every frame of a video has overlays and panels of its own.
            Defaults to False.

    Returns:
        list[Writer]: In the order of :data:`OUTPUTS`.

    Raises:
        KeyError: If an output is unknown.
        ValueError: If masks are wanted without a parsing task.
    """
    wanted = set(outputs)
    if not wanted <= set(OUTPUTS):
        raise KeyError(
            f'`outputs` must be some of {OUTPUTS}, but got {sorted(wanted - set(OUTPUTS))}'
        )
    poses = [task for task in tasks if get_task(task).is_pose]
    parsing = [task for task in tasks if get_task(task).is_parsing]
    dense = [task for task in tasks if task not in poses]
    writers: list[Writer] = []
    if 'keypoints' in wanted:
        writers += [KeypointWriter(task) for task in poses]
    if 'maps' in wanted:
        writers += [MapWriter(task, map_format) for task in dense]
    if 'masks' in wanted:
        if not parsing:
            raise ValueError(f'masks need a parsing task such as seg-28, but got {tasks}')
        writers.append(MaskWriter(parsing[0]))
    if 'overlays' in wanted:
        writers += [OverlayWriter(task, threshold, frame_pictures) for task in tasks]
    if 'panels' in wanted:
        writers.append(PanelWriter(tasks, threshold, frame_pictures))
    return writers
