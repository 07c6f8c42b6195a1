"""Which config and weights a task has: a file of the caller's, or else a release of the zoo."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoints.checkpoint_io import is_folder_checkpoint, read_meta
from ..checkpoints.contents import name_of_task, names_of_tasks
from ..checkpoints.metadata import read_facts
from ..core.file_type import sha256_of
from ..models.tasks import ALL_TASKS
from ..zoo import find_release, releases, resolve_checkpoint, split_model

logger = logging.getLogger(__name__)

SUFFIXES = ('.safetensors', '.pth', '.pt2')
_GIVE = 'give a checkpoint for {task!r} (`weights`, `--weights {task}=FILE`)'


@dataclass(frozen=True)
class ModelFiles:
    """Files of a task: no ``config`` means the row of the task, no ``weights`` random ones."""

    task: str
    config: Path | None
    weights: Path | None


def named_weights(weights: Any, configs: Any) -> tuple[list[str], Any]:
    """The tasks that the caller's files are for, 'pose-308' without any, and the files."""
    for given in (weights, configs):
        if isinstance(given, Mapping) and given:
            return list(given), weights
    if weights is None:
        return ['pose-308'], weights
    path = Path(weights).expanduser()
    chosen = checkpoint_of_folder(path) if path.is_dir() else path
    if chosen is not None:
        return names_of_tasks(chosen), weights
    files = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES)
    named = [path / f'{task}{suffix}' for task in ALL_TASKS for suffix in reversed(SUFFIXES)]
    found = {each.stem: each for each in named if each.is_file()}
    are_named, others = bool(found), []
    for each in files:
        if each.stem in ALL_TASKS:
            continue
        if are_named and not _says_task(each):
            others.append(each.name)  # such as an encoder or a detector
            continue
        task = name_of_task(each)
        if task in found:
            raise ValueError(
                f'`weights`: {found[task].name} and {each.name} in {path} are both for {task!r}. '
                'Name the ones to use by their task.'
            )
        found[task] = each
    if others:
        text = 'no task is named by these files of %s, so they are not used: %s. Give TASK=FILE.'
        logger.warning(text, path, ', '.join(others))
    return list(found) or ['pose-308'], found or weights  # that none is there is said later


def _says_task(path: Path) -> bool:
    """Whether a file says itself what its head is for."""
    try:
        return bool(read_facts(read_meta(path)))
    except ValueError:  # damaged
        return False


def checkpoint_of_folder(path: Path) -> Path | None:
    """A checkpoint in shards, or the best or last one of a folder of a training."""
    if is_folder_checkpoint(path):
        return path
    if best := sorted(path.glob('best_*.pth'), key=lambda each: each.stat().st_mtime):
        return best[-1]
    pointer = path / 'last_checkpoint'
    if not pointer.is_file():
        return None
    last = path / Path(pointer.read_text().strip()).name  # also where the folder was moved
    return last if last.exists() else None


def check_tasks(tasks: str | Sequence[str], weights: Any = None, configs: Any = None) -> list[str]:
    """The names of the tasks that are wanted: of a row, or with a file of the caller's."""
    names = [tasks] if isinstance(tasks, str) else list(tasks)
    if not names or len(set(names)) < len(names):
        raise ValueError(f'`tasks` must be different tasks, at least one, but got {names}')
    files = [each for each in (weights, configs) if each]
    for name in names:
        has_file = any(name in each if isinstance(each, Mapping) else True for each in files)
        if name not in ALL_TASKS and not has_file:
            others = 'have a checkpoint or a config of yours (`weights`, `configs`)'
            raise KeyError(f'`tasks` must be of {list(ALL_TASKS)}, or {others}, but got {name!r}')
    return names


def configs_by_task(configs: Any, tasks: Sequence[str]) -> dict[str, Any]:
    """The caller's configs; one alone is of the only task."""
    if configs is None:
        return {}
    if not isinstance(configs, Mapping):
        return {_only(tasks, 'configs', configs): configs}
    _check_names(tasks, 'configs', configs)
    return dict(configs)


def _only(tasks: Sequence[str], argument: str, path: Any) -> str:
    """The one task that a file without a name is for."""
    if len(tasks) > 1:
        example = f"dict({tasks[0]!r}: '{path}', ...)"
        raise ValueError(f'`{argument}` must say which of {list(tasks)} {path} is for: {example}')
    return tasks[0]


def _held(tasks: Sequence[str], path: Path) -> Sequence[str]:
    """The tasks that a file without a name is for: the only one, or those of its heads."""
    held = names_of_tasks(path) if len(tasks) > 1 else ()
    return tasks if len(held) > 1 and set(tasks) <= set(held) else [_only(tasks, 'weights', path)]


def _check_names(tasks: Sequence[str], argument: str, given: Mapping[str, Any]) -> None:
    if unknown := sorted(set(given) - set(tasks)):
        raise KeyError(f'`{argument}` must be for some of {list(tasks)}, but got {unknown}')


def check_released(task: str, model: str) -> None:
    """Say why there are no weights of a task at the size of a model, if there are none."""
    if model.endswith('tiny'):
        text = f'nothing was released of {model!r}, which is for training on a CPU'
        raise ValueError(f'{text}: {_GIVE.format(task=task)}')
    find_release(task, model)


def find_files(
    task: str,
    model: str,
    config: str | os.PathLike[str] | None = None,
    weights: Any = None,
    allow_random: bool = False,
) -> ModelFiles:
    """Files of a task, a release of a model downloaded if need be, or with ``allow_random`` no
    weights.
    """
    path = None if config is None else Path(config).expanduser()
    if path is not None and not path.is_file():
        raise FileNotFoundError(f'the config of {task!r}, {path}, does not exist')
    if weights is None and allow_random:
        return ModelFiles(task, path, None)
    if weights is None:
        if config is not None:
            raise ValueError(f'the config of {task!r} needs weights: {_GIVE.format(task=task)}')
        check_released(task, model)
    return ModelFiles(task, path, resolve_checkpoint(weights, task, model))


def weights_by_task(weights: Any, tasks: Sequence[str], model: str) -> dict[str, Path]:
    """The caller's checkpoints by task: a mapping of them, the file of the only task, or a folder
    with files named by the task, such as 'depth.safetensors', or as released.
    """
    if weights is None:
        return {}
    if isinstance(weights, Mapping):
        _check_names(tasks, 'weights', weights)
        return {task: Path(path) for task, path in weights.items()}
    path = Path(weights).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'`weights`: {path} does not exist')
    path = checkpoint_of_folder(path) or path if path.is_dir() else path
    if path.is_file() or is_folder_checkpoint(path):
        return dict.fromkeys(_held(tasks, path), path)
    found = {}
    for task in tasks:
        wanted = task, *split_model(model)
        released = [each for each in releases() if (each.task, each.family, each.size) == wanted]
        names = [task + suffix for suffix in SUFFIXES]
        for each in released:  # beside each other, or as `mmsapiens download` keeps them
            names += [each.file, each.path_in_repo, each.key, f'hub/{each.key}']
        if there := [path / name for name in names if (path / name).is_file()]:
            found[task] = there[0]
    if not found:
        text = f'`weights`: the folder {path} has no file named by one of the tasks'
        raise FileNotFoundError(f'{text}, such as {tasks[0]}{SUFFIXES[0]}')
    return found


def weights_identity(path: Path | None) -> dict[str, Any]:
    """Name and hash of a checkpoint, for a manifest; None are random weights."""
    if path is None:
        return dict(weights='random')
    if path.is_dir():
        return dict(weights=path.name)
    return dict(weights=path.name, sha256=sha256_of(path))
