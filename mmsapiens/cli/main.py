"""Entry point of the command ``mmsapiens``."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from ..version import __version__
from .exit_codes import OK, report

COMMANDS = {
    'infer': ('infer', 'Pose, body parts, depth and normals of images and videos.'),
    'features': ('features', 'Features of the encoder as files.'),
    'list': ('list_models', 'Tasks, models and released checkpoints.'),
    'download': ('download', 'Fetch released checkpoints and verify them.'),
    'convert': ('convert', 'Convert a checkpoint to .safetensors or a cleaned .pth.'),
    'doctor': ('doctor', 'Check the installation; every problem with its remedy.'),
}
"""Command -> its module here, and a line of help."""


class LazyGroup(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f'.{COMMANDS[cmd_name][0]}', __package__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={'help_option_names': ['-h', '--help'], 'show_default': True}
)
@click.version_option(__version__, prog_name='mmsapiens')
@click.option('--debug', is_flag=True, help='Show the traceback of an error.')
def cli(debug: bool) -> None:
    """Sapiens models: poses, body parts, depth and normals of people."""


def run(args: Sequence[str] | None = None) -> int:
    """Run a command, its words by default those of the process; errors are printed.

    Returns:
        int: The exit code.
    """
    words = sys.argv[1:] if args is None else list(args)
    try:
        code = cli.main(words, prog_name='mmsapiens', standalone_mode=False)
    except BrokenPipeError:  # `mmsapiens list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (Exception, KeyboardInterrupt) as error:
        return report(error, debug='--debug' in words[:1])
    return code if isinstance(code, int) else OK


def main() -> None:
    """Run the command of this process and exit."""
    raise SystemExit(run())
