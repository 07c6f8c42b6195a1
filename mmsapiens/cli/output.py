"""What commands print: tables for people, one json document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

POSITIVE = click.IntRange(min=1)
DTYPES = click.Choice(['float32', 'bfloat16', 'float16'])


def option(names: str, text: str | None = None, kind: Any = None, **more: Any) -> Any:
    """An option of a command: its names between blanks, its help, its type."""
    return click.option(*names.split(), type=kind, help=text, **more)


def flag(names: str, text: str | None = None) -> Any:
    """An option without a value."""
    return click.option(*names.split(), is_flag=True, help=text)


json_option = flag('--json', 'Print one json document to stdout; all else goes to stderr.')


def as_json(document: Any) -> None:
    """Print a document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def console(stderr: bool = False) -> Console:
    """A console that also writes long paths in one line to a file or pipe."""
    from rich.console import Console

    result = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not result.is_terminal:
        result.width = 200
    return result


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table with a title and headings to stdout."""
    from rich import box
    from rich.table import Column, Table

    headings = [Column(column, overflow='fold') for column in columns]
    table = Table(*headings, title=title, title_justify='left', box=box.SIMPLE)
    for row in rows:
        table.add_row(*row)
    console().print(table)
