"""Which config and which weights a task has.

A file of the caller's comes first, a release of the zoo after it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.file_type import sha256_of
from ..models.tasks import KINDS, PREFIX, TASKS
from ..zoo import find_release, releases, resolve_checkpoint

SUFFIXES = ('.safetensors', '.pth', '.pt2')

Paths = Mapping[str, str | os.PathLike[str]]


@dataclass(frozen=True)
class ModelFiles:
    """Files of a task.

    Without ``config`` the row of the task is meant, without ``weights`` random ones.
    """

    task: str
    config: Path | None
    weights: Path | None


def check_tasks(tasks: Sequence[str], configs: Paths) -> list[str]:
    """The names of the tasks that are wanted, which have a row or a config of the caller's."""
    names = [tasks] if isinstance(tasks, str) else list(tasks)
    if not names or len(set(names)) < len(names):
        raise ValueError(f'`tasks` must be different tasks, at least one, but got {names}')
    for name in names:
        if name in TASKS or (name in configs and name.startswith(KINDS)):
            continue
        if name in configs:
            raise KeyError(f'the name of a task must start with one of {KINDS}, but got {name!r}')
        raise KeyError(
            f'`tasks` must be of {list(TASKS)}, or have a config of yours '
            f'(`configs`), but got {name!r}'
        )
    return names


def find_files(
    task: str,
    size: str,
    config: str | os.PathLike[str] | None = None,
    weights: Any = None,
    allow_random: bool = False,
) -> ModelFiles:
    """Files of a task; a release of this size is downloaded if it has to be.

    ``allow_random`` lets a task without weights of the caller's have random ones.
    """
    path = None if config is None else Path(config).expanduser()
    if path is not None and not path.is_file():
        raise FileNotFoundError(f'the config of {task!r}, {path}, does not exist')
    if weights is None and allow_random:
        return ModelFiles(task, path, None)
    if weights is None and config is not None:
        raise ValueError(
            f'the config of {task!r} needs weights: give a checkpoint for it '
            f'(`weights`, `--weights {task}=FILE`)'
        )
    if weights is None and size == 'tiny':
        raise ValueError(
            f'nothing was released of {PREFIX}tiny, which is for training on '
            f'a CPU: give a checkpoint for {task!r} (`weights`, `--weights '
            f'{task}=FILE`)'
        )
    if weights is None:
        find_release(task, size)  # says why there is none
    return ModelFiles(task, path, resolve_checkpoint(weights, task, size))


def weights_by_task(weights: Any, tasks: Sequence[str], size: str) -> dict[str, Path]:
    """The caller's checkpoints.

    Args:
        weights (Mapping | str | Path, optional): Task -> file; or the file of the only task; or a
            folder with files named by the task, such as 'depth.safetensors', or as released.
        tasks (Sequence[str]): The tasks.
        size (str): Of the model.
    """
    if weights is None:
        return {}
    if isinstance(weights, Mapping):
        unknown = sorted(set(weights) - set(tasks))
        if unknown:
            raise KeyError(f'`weights` must be for some of {list(tasks)}, but got {unknown}')
        return {task: Path(path) for task, path in weights.items()}
    path = Path(weights).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'`weights`: {path} does not exist')
    if path.is_file():
        if len(tasks) > 1:
            raise ValueError(
                f'`weights` must say which of {list(tasks)} the file {path} '
                f"is for: dict({tasks[0]!r}: '{path}', ...)"
            )
        return {tasks[0]: path}
    found = {}
    for task in tasks:
        released = [each for each in releases() if (each.task, each.size) == (task, size)]
        names = [task + suffix for suffix in SUFFIXES]
        for each in released:  # beside each other, or as `mmsapiens download` keeps them
            names += [each.file, each.path_in_repo, each.key, f'hub/{each.key}']
        if there := [path / name for name in names if (path / name).is_file()]:
            found[task] = there[0]
    if not found:
        raise FileNotFoundError(
            f'`weights`: the folder {path} has no file named by one of the '
            f'tasks, such as {tasks[0]}{SUFFIXES[0]}'
        )
    return found


def weights_identity(path: Path | None) -> dict[str, Any]:
    """Name and hash of a checkpoint, for a manifest; None are random weights."""
    if path is None:
        return dict(weights='random')
    if path.is_dir():
        return dict(weights=path.name)
    return dict(weights=path.name, sha256=sha256_of(path))
