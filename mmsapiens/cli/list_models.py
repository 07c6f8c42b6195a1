"""``mmsapiens list``."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from ..models.archs import FAMILY_ARCHS
from ..models.tasks import FIRST, tasks_of
from ..zoo.paths import cache_path, root_path
from ..zoo.releases import FORMATS, Release, releases
from .output import as_json, json_option, option, print_table
from .unused import tell_unused

_METRICS = {'whole_AP': 'AP', 'AP': 'AP', 'mIoU': 'mIoU', 'RMSE': 'RMSE', 'mean_deg': 'deg'}
_TITLES = {
    'releases': 'Released checkpoints; figures as reported by their authors',
    'models': 'Models',
    'tasks': 'Tasks',
}


@click.command('list')
@click.argument('what', type=click.Choice(['releases', 'tasks', 'models']), default='releases')
@option('--task', 'Only this task.')
@option('--size', 'Only this size, such as 1b or sapiens2-1b.')
@option('--family', 'Only this generation.', click.Choice(list(FAMILY_ARCHS)))
@option('--format file_format', 'Only this format.', click.Choice(FORMATS))
@json_option
def command(
    what: str,
    task: str | None,
    size: str | None,
    family: str | None,
    file_format: str | None,
    json: bool,
) -> None:
    """List released checkpoints (the default), tasks, or models.

    A model is a task at a size, with its config.
    """
    tell_unused(dict(files=lambda: what == 'releases', given=lambda: True))
    rows = [_release_row(release) for release in releases()] if what == 'releases' else _models()
    for key, value in dict(task=task, family=family, format=file_format).items():
        rows = [row for row in rows if value in (None, row.get(key, value))]
    if size is not None:
        rows = [row for row in rows if size in (row['size'], row['model'])]
    if not rows:
        asked = f'task={task!r}, size={size!r}, family={family!r}, format={file_format!r}'
        raise KeyError(f'nothing to list for {asked}; without options everything is listed')
    if what == 'tasks':
        rows = _tasks(rows)
    if json:
        as_json(rows)
    else:
        shown = [_shown(what, row) for row in rows]
        print_table(_TITLES[what], list(shown[0]), [list(row.values()) for row in shown])


def _release_row(release: Release) -> dict[str, Any]:
    """What is known about a release, and where it is on this machine."""
    cached = cache_path(release)
    path = root_path(release) or (cached if cached.is_file() else None)
    place = None if path is None else str(path)
    return dict(asdict(release), model=release.model, url=release.url, path=place)


def _models() -> list[dict[str, Any]]:
    """Each task at each size."""
    whole = ('pth', 'safetensors')
    released = {(r.task, r.family, r.size) for r in releases() if r.format in whole}
    found = []
    for family, archs in FAMILY_ARCHS.items():
        sizes = [name.partition('_')[2].replace('_', '-') for name in archs]
        sizes.sort(key='tiny'.__eq__)
        for name, task in tasks_of(family).items():
            for size in sizes:
                row = dict(task=name, size=size, family=family)
                row['model'] = size if family == FIRST else f'{family}-{size}'
                config = task.config_of(size) if task.config else None
                found.append(dict(row, config=config, released=(name, family, size) in released))
    return found


def _tasks(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each task with its sizes."""
    found: dict[str, dict[str, Any]] = {}
    for row in models:
        of_task = found.setdefault(row['task'], dict(task=row['task'], sizes=[], released=[]))
        of_task['sizes'].append(row['model'])
        of_task['released'] += [row['model']] if row['released'] else []
    return list(found.values())


def _shown(what: str, row: Mapping[str, Any]) -> dict[str, str]:
    """A row of a table, by heading."""
    if what == 'tasks':
        sizes, released = ' '.join(row['sizes']), ' '.join(row['released'])
        return {'task': row['task'], 'sizes': sizes, 'weights released at': released}
    shown = {'task': row['task'], 'size': row['model']}
    if what == 'models':
        released = 'yes' if row['released'] else ''
        return {**shown, 'weights released': released, 'config': row['config'] or ''}
    metrics = row['reported_metric'] or {}
    figures = [f'{metrics[key]} {name}' for key, name in _METRICS.items() if key in metrics]
    shown |= dict(format=row['format'], reported=figures[0] if figures else '')
    here, file = 'yes' if row['path'] else '', row['path_in_repo'].rpartition('/')[2]
    license = row['license'].removeprefix('LicenseRef-')
    return {**shown, 'license': license, 'here': here, 'file': file}
