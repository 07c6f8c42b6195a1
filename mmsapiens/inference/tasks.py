"""The tasks of inference by name: one table."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = ('0.3b', '0.6b', '1b', '2b')
"""Sizes of the released models; 'tiny' is ours."""


@dataclass(frozen=True)
class Task:
    """A task that an inferencer can be asked for.

    Args:
        part (str): Part of the package that runs it, 'pose' or 'dense'.
        config (str): Its config under ``configs/``, with ``{size}`` for the size of the model.
        tiny (str): Its config for the size 'tiny'.
        release (str, optional): Task of the released checkpoints in :mod:`mmsapiens.zoo`. Defaults
            to None, nothing was released.
    """

    part: str
    config: str
    tiny: str
    release: str | None = None


TASKS: dict[str, Task] = {
    'pose-17': Task(
        'pose',
        'pose/coco/sapiens-{size}_8xb64-210e_coco-1024x768.py',
        'pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py',
        'pose-17',
    ),
    'pose-133': Task(
        'pose',
        'pose/coco_wholebody/sapiens-{size}_8xb64-210e_coco-wholebody-1024x768.py',
        'pose/coco_wholebody/sapiens-tiny_2xb7-400e_coco-wholebody-256x192.py',
        'pose-133',
    ),
    'pose-308': Task(
        'pose',
        'pose/goliath308/sapiens-{size}_8xb64-210e_goliath308-1024x768.py',
        'pose/goliath308/sapiens-tiny_2xb7-300e_goliath308-256x192.py',
        'pose-308',
    ),
    'seg-28': Task(
        'dense',
        'dense/parsing/sapiens-{size}_8xb1-200e_bodyparts28-1024x768.py',
        'dense/parsing/sapiens-tiny_2xb4-300e_bodyparts28-256x192.py',
        'seg-28',
    ),
    'seg-lip': Task(
        'dense',
        'dense/parsing/sapiens-{size}_8xb1-400e_lip-1024x768.py',
        'dense/parsing/sapiens-tiny_2xb4-300e_lip-256x192.py',
    ),
    'seg-cihp': Task(
        'dense',
        'dense/parsing/sapiens-{size}_8xb1-400e_cihp-1024x768.py',
        'dense/parsing/sapiens-tiny_2xb4-300e_cihp-256x192.py',
    ),
    'depth': Task(
        'dense',
        'dense/depth/sapiens-{size}_8xb2-200e_depth-1024x768.py',
        'dense/depth/sapiens-tiny_2xb4-300e_depth-256x192.py',
        'depth',
    ),
    'normal': Task(
        'dense',
        'dense/normal/sapiens-{size}_8xb2-200e_normal-1024x768.py',
        'dense/normal/sapiens-tiny_2xb4-300e_normal-256x192.py',
        'normal',
    ),
}
"""Name -> task."""


def get_task(name: str) -> Task:
    """Look a task up.

    Args:
        name (str): A key of :data:`TASKS`.

    Raises:
        KeyError: If there is none of this name.
    """
    if name not in TASKS:
        raise KeyError(f'`task` must be one of {list(TASKS)}, but got {name!r}')
    return TASKS[name]
