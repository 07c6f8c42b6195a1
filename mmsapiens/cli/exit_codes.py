"""Exit codes of ``mmsapiens``, and which error ends with which."""

import os
import sys
import traceback

import click

from ..zoo.errors import DownloadError

OK = 0
FAILED = 1
"""The run ended, but some inputs failed, or ``doctor`` found a problem."""
USAGE = 2
"""Nothing was done: a wrong argument or a file that cannot be used."""
DOWNLOAD = 3
"""A checkpoint could not be downloaded."""
UNEXPECTED = 4
"""An error that no message was written for."""
INTERRUPTED = 130
"""Ctrl-C."""

TRACEBACK_VARIABLE = 'MMSAPIENS_TRACEBACK'
"""Set to 1, errors come with their traceback."""


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code of an error, and what is printed about it."""
    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED, 'interrupted'
    # str() of a KeyError is in quotes.
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, ValueError | KeyError | OSError | ImportError):
        code = DOWNLOAD if isinstance(error, DownloadError) else USAGE
        return code, text or type(error).__name__
    if isinstance(error, MemoryError) or type(error).__name__ == 'OutOfMemoryError':  # of torch
        ways = 'a smaller --batch-size, fewer --tasks, --dtype bfloat16 or a smaller --model'
        return USAGE, f'not enough memory: {text or type(error).__name__}. Use {ways}.'
    advice = 'This was not expected; `mmsapiens --debug ...` shows where it happened.'
    return UNEXPECTED, f'{type(error).__name__}: {text}\n{advice}'


def report(error: BaseException, debug: bool = False) -> int:
    """Print an error to stderr, with its traceback if asked, and give the exit code."""
    code, text = explain(error)
    if debug or os.environ.get(TRACEBACK_VARIABLE, '0') not in ('', '0'):
        traceback.print_exception(error)
    if isinstance(error, click.UsageError):
        error.show()  # with the usage of the command
    else:
        print(f'error: {text}', file=sys.stderr)
    return code
