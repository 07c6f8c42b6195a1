"""``mmsapiens download``."""

from typing import Any

import click

from ..zoo.errors import DownloadError
from ..zoo.releases import FORMATS, Release, find_release, releases, split_model
from .exit_codes import DOWNLOAD, OK, report
from .output import POSITIVE, as_json, flag, json_option, option

ALL = 'all'


@click.command('download')
@click.argument('task')
@click.argument('size')
@option('--format file_format', 'Default: pth, or what there is instead.', click.Choice(FORMATS))
@flag('--verify', 'Hash files again that are there already.')
@flag('--accept-new', 'Forget the hash and revision of the first use; take the newest.')
@option('--tries', 'Attempts in a row without a new byte.', POSITIVE, default=5)
@flag('--no-bar', 'Show no progress bar.')
@json_option
def command(
    task: str, size: str, file_format: str | None, no_bar: bool, json: bool, **options: Any
) -> int:
    """Fetch the released checkpoint of TASK at SIZE and print its path.

    `mmsapiens list` names tasks and sizes; 1b is of the first generation, sapiens2-1b of the
    second; `all` stands for every task or size, of both. A file that is there is verified, not
    fetched again.
    """
    from ..zoo import download

    documents = []
    for release in _wanted(task, size, file_format):
        document = dict(task=release.task, size=release.model, format=release.format)
        try:
            document['path'] = str(download(release, show_bar=not no_bar, **options))
            if not json:
                click.echo(document['path'])
        except DownloadError as error:
            report(error)
            document['error'] = str(error)
        documents.append(document)
    if json:
        as_json(documents)
    return DOWNLOAD if any('error' in document for document in documents) else OK


def _wanted(task: str, size: str, file_format: str | None) -> list[Release]:
    """The releases that are asked for."""
    if ALL not in (task, size):
        return [find_release(task, size, file_format)]
    wanted = split_model(size)
    found = [
        row
        for row in releases()
        if task in (ALL, row.task) and (size == ALL or (row.family, row.size) == wanted)
    ]
    if file_format is None:
        firsts = {(row.task, row.model): row for row in reversed(found)}
        found = [row for row in found if firsts[row.task, row.model] is row]
    else:
        found = [row for row in found if row.format == file_format]
    if not found:
        asked = f'task={task!r}, size={size!r}, format={file_format!r}'
        raise KeyError(f'no release for {asked}; see `mmsapiens list`')
    return found
