"""``mmsapiens download``."""

from typing import Any

import click

from ..zoo.errors import DownloadError
from ..zoo.releases import FORMATS, Release, find_release, releases
from .exit_codes import DOWNLOAD, OK, report
from .output import POSITIVE, as_json, flag, json_option, option

ALL = 'all'


@click.command('download')
@click.argument('task')
@click.argument('size')
@option('--format file_format', None, click.Choice(FORMATS), default='pth')
@flag('--verify', 'Hash files again that are there already.')
@flag('--accept-new', 'Forget the hash and revision of the first use; take the newest.')
@option('--tries', 'Attempts in a row without a new byte.', POSITIVE, default=5)
@flag('--no-bar', 'Show no progress bar.')
@json_option
def command(
    task: str, size: str, file_format: str, no_bar: bool, json: bool, **options: Any
) -> int:
    """Fetch the released checkpoint of TASK at SIZE and print its path.

    `mmsapiens list` names tasks and sizes; `all` stands for every one. A file that is there is
    verified, not fetched again.
    """
    from ..zoo import download

    documents = []
    for release in _wanted(task, size, file_format):
        document = dict(task=release.task, size=release.size, format=release.format)
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


def _wanted(task: str, size: str, file_format: str) -> list[Release]:
    """The releases that are asked for."""
    if ALL not in (task, size):
        return [find_release(task, size, file_format)]
    found = [row for row in releases() if task in (ALL, row.task) and size in (ALL, row.size)]
    if not (found := [row for row in found if row.format == file_format]):
        asked = f'task={task!r}, size={size!r}, format={file_format!r}'
        raise KeyError(f'no release for {asked}; see `mmsapiens list`')
    return found
