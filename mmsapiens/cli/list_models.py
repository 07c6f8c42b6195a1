"""``mmsapiens list``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from ..models.tasks import SIZES, TASKS
from ..zoo.cache import cache_path, root_path
from ..zoo.releases import FORMATS, Release, releases
from .output import as_json, json_option, print_table

_METRICS = {'whole_AP': 'AP', 'AP': 'AP', 'mIoU': 'mIoU', 'RMSE': 'RMSE', 'mean_deg': 'deg'}


@click.command('list')
@click.argument('what', type=click.Choice(['releases', 'tasks', 'models']), default='releases')
@click.option('--task', help='Only this task.')
@click.option('--size', help='Only this size.')
@click.option('--format', 'file_format', type=click.Choice(FORMATS), help='Only this format.')
@json_option
def command(
    what: str, task: str | None, size: str | None, file_format: str | None, json: bool
) -> None:
    """List released checkpoints (the default), tasks, or models.

    A model is a task at a size, with its config.
    """
    if what == 'releases':
        rows = [
            _release_row(release)
            for release in releases()
            if task in (None, release.task)
            and size in (None, release.size)
            and file_format in (None, release.format)
        ]
    else:
        rows = [row for row in _model_rows() if task in (None, row['task'])]
        rows = [row for row in rows if size in (None, row['size'])]
        if what == 'tasks':
            rows = _task_rows(rows)
    if not rows:
        raise KeyError(
            f'nothing to list for task={task!r}, size={size!r}, '
            f'format={file_format!r}; without options everything is listed'
        )
    if json:
        as_json(rows)
    else:
        _print(what, rows)


def _release_row(release: Release) -> dict[str, Any]:
    """What is known about a release, and where it is on this machine."""
    path = root_path(release)
    if path is None and cache_path(release).is_file():
        path = cache_path(release)
    return dict(asdict(release), url=release.url, path=None if path is None else str(path))


def _model_rows() -> list[dict[str, Any]]:
    """Each task at each size."""
    released = {(release.task, release.size) for release in releases() if release.format == 'pth'}
    return [
        dict(
            task=name,
            size=size,
            config=task.tiny if size == 'tiny' else _config(task.config, size),
            released=(task.release, size) in released,
        )
        for name, task in TASKS.items()
        for size in (*SIZES, 'tiny')
    ]


def _config(template: str, size: str) -> str:
    return template.format(size=size)


def _task_rows(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each task with its sizes."""
    tasks: dict[str, dict[str, Any]] = {}
    for model in models:
        row = tasks.setdefault(model['task'], dict(task=model['task'], sizes=[], released=[]))
        row['sizes'].append(model['size'])
        if model['released']:
            row['released'].append(model['size'])
    return list(tasks.values())


def _metric(row: Mapping[str, Any]) -> str:
    """The one figure that stands for a release."""
    metrics = row['reported_metric'] or {}
    for key, name in _METRICS.items():
        if key in metrics:
            return f'{metrics[key]} {name}'
    return ''


def _print(what: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    if what == 'releases':
        print_table(
            'Released checkpoints; figures as reported by their authors',
            ('task', 'size', 'format', 'reported', 'here', 'file'),
            [
                (
                    row['task'],
                    row['size'],
                    row['format'],
                    _metric(row),
                    'yes' if row['path'] else '',
                    row['path_in_repo'].rpartition('/')[2],
                )
                for row in rows
            ],
        )
    elif what == 'models':
        print_table(
            'Models',
            ('task', 'size', 'weights released', 'config'),
            [
                (row['task'], row['size'], 'yes' if row['released'] else '', row['config'])
                for row in rows
            ],
        )
    else:
        print_table(
            'Tasks',
            ('task', 'sizes', 'weights released at'),
            [(row['task'], ' '.join(row['sizes']), ' '.join(row['released'])) for row in rows],
        )
