"""Entry point of the command ``mmsapiens``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from ..version import __version__
from .exit_codes import OK, report
from .lazy_group import LazyGroup

COMMANDS = {
    'infer': ('mmsapiens.cli.infer', 'Pose, body parts, depth and normals of images and videos.'),
    'features': ('mmsapiens.cli.features', 'Features of the encoder as files.'),
    'list': ('mmsapiens.cli.list_models', 'Tasks, models and released checkpoints.'),
    'download': ('mmsapiens.cli.download', 'Fetch released checkpoints and verify them.'),
    'convert': ('mmsapiens.cli.convert', 'Convert a checkpoint to .safetensors or a cleaned .pth.'),
    'doctor': ('mmsapiens.cli.doctor', 'Check the installation; every problem with its remedy.'),
}
"""Command -> its module and a line of help."""


@click.group(
    cls=LazyGroup, modules=COMMANDS, context_settings={'help_option_names': ['-h', '--help']}
)
@click.version_option(__version__, prog_name='mmsapiens')
@click.option('--debug', is_flag=True, help='Show the traceback of an error.')
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Sapiens models: poses, body parts, depth and normals of people."""
    context.obj = {'debug': debug}


def run(args: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        args (Sequence[str], optional): Its words; None takes those of the process. Defaults to
            None.

    Returns:
        int: The exit code; errors have been printed.
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
