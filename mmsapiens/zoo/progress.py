"""What a download shows: lines, and a bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .transfer import Progress


def say(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)


def silent(have: int, size: int | None) -> None:
    """A progress that shows nothing."""


@contextmanager
def bar(name: str, wanted: bool | None = None) -> Iterator[Progress]:
    """A progress bar on stderr.

    Args:
        name (str): Beside it.
        wanted (bool, optional): None shows it on a terminal only. Defaults to None.

    Yields:
        Progress: To be told about new bytes.
    """
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield silent
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn('{task.description}', markup=False),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(name, total=None)

        def update(have: int, size: int | None) -> None:
            shown.update(task, completed=have, total=size)

        yield update
