"""A group of subcommands that are imported when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

import click


class LazyGroup(click.Group):
    """A group that knows its commands by name only.

    Args:
        modules (Mapping[str, tuple[str, str]]): Command -> the module with a
            :class:`click.Command` called ``command``, and a line of help. A
            command whose module is missing is not listed.
        **kwargs: Passed to :class:`click.Group`.
    """

    def __init__(self, modules: Mapping[str, tuple[str, str]], **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.modules = {name: entry for name, entry in modules.items() if find_spec(entry[0])}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in self.modules:
            return None
        command: click.Command = import_module(self.modules[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        rows = [(name, text) for name, (_, text) in self.modules.items()]
        if rows:
            with formatter.section('Commands'):
                formatter.write_dl(rows)
