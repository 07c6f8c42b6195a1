"""What a run over images shows, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .exit_codes import FAILED, UNEXPECTED, USAGE
from .output import as_json, console

if TYPE_CHECKING:
    from ..inference.write_run import RunSummary
    from ..io.read_options import ReadOptions
    from ..structures.results import ImageResult, ReadFailure

SHOWN = 10
"""Most inputs that are named one by one."""


class RunProgress:
    """A bar on stderr, and a line for each input that cannot be read.

    Args:
        quiet (bool): Whether to show nothing. Defaults to False.
    """

    def __init__(self, quiet: bool = False) -> None:
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn('{task.description}', markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn('{task.fields[rate]}'),
            progress.TimeRemainingColumn(),
            console=console(stderr=True),
            disable=quiet,
            transient=False,
        )
        self._task = self._bar.add_task('images', total=None, rate='')

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, total: int | None) -> None:
        """Take the number of images, None if it is unknown."""
        self._bar.update(self._task, total=total)

    def item(self, item: ImageResult | ReadFailure) -> None:
        """Count a result."""
        reason = getattr(item, 'reason', None)
        if reason is not None:
            name = getattr(item, 'source', '')
            self._bar.console.print(f'cannot read {name}: {reason}')
        self._bar.advance(self._task)
        speed = self._bar.tasks[0].speed
        if speed:
            self._bar.update(self._task, rate=f'{speed:.2f}/s')


class ImageError(click.ClickException):
    """What ends a command at an image.

    Args:
        text (str): What went wrong.
        code (int): The exit code.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(
            f'{text}\nWhat was done before is kept; the same command goes on from there.'
        )
        self.exit_code = code  # type: ignore[misc]


@contextmanager
def image_errors() -> Iterator[None]:
    """Errors about an image end the command with a line.

    Raises:
        ImageError: Instead of a :class:`mmsapiens.inference.prefetch.FrameError`.
    """
    from ..core.read_errors import ReadError
    from ..inference.prefetch import FrameError

    try:
        yield
    except FrameError as error:
        cause = error.__cause__
        code = UNEXPECTED
        if isinstance(cause, (ValueError, KeyError, OSError)):
            code = USAGE
        if error.doing == 'reading' or isinstance(cause, ReadError):
            code = FAILED
        raise ImageError(str(error), code) from error


def conclude(summary: RunSummary, json: bool, **more: Any) -> int:
    """Say what a run did.

    Args:
        summary (RunSummary): Of the run.
        json (bool): Whether to print a document.
        **more: Further entries of it.

    Returns:
        int: The exit code.
    """
    if json:
        as_json(
            dict(
                folder=str(summary.folder),
                done=summary.done,
                skipped=summary.skipped,
                people=summary.people,
                failed=[
                    dict(name=one.name, source=one.source, reason=one.reason)
                    for one in summary.failed
                ],
                seconds=round(summary.seconds, 3),
                **more,
            )
        )
    else:
        _say(summary)
    return FAILED if summary.failed else 0


def _say(summary: RunSummary) -> None:
    rate = ''
    if summary.done and summary.seconds:
        rate = f', {summary.done / summary.seconds:.2f} a second'
    click.echo(
        f'{summary.done} images and frames done in '
        f'{summary.seconds:.1f} s{rate}; {summary.skipped} inputs were done '
        f'before; {len(summary.failed)} failed; {summary.people} people'
    )
    for one in summary.failed[:SHOWN]:
        click.echo(f'  failed: {one.source}: {one.reason}')
    if len(summary.failed) > SHOWN:
        click.echo(f'  ... and {len(summary.failed) - SHOWN} more')
    click.echo(f'results: {summary.folder}')


def pairs(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str]:
    """Callback of options such as ``--weights task=path``.

    Args:
        context (click.Context): Of the command.
        parameter (click.Parameter): The option.
        words (tuple[str, ...]): What was given.

    Raises:
        click.BadParameter: If one has no ``=``, or a task comes twice.
    """
    found: dict[str, str] = {}
    for word in words:
        task, separator, path = word.partition('=')
        if not separator or not task or not path:
            raise click.BadParameter(f'must be TASK=PATH, but got {word!r}', context, parameter)
        if task in found:
            raise click.BadParameter(f'{task!r} is given twice', context, parameter)
        found[task] = path
    return found


def make_read_options(options: Mapping[str, Any]) -> ReadOptions:
    """What the options of :func:`read_options` say.

    Args:
        options (Mapping[str, Any]): All options of the command.
    """
    from ..io.read_options import ReadOptions

    return ReadOptions(
        recursive=not options['no_recursive'],
        frame_step=options['frame_step'],
        start_s=options['start_s'],
        end_s=options['end_s'],
        max_frames=options['max_frames'],
    )


def read_options(function: Callable) -> Callable:
    """Options of a command that say how inputs are read."""
    options = (
        click.option(
            '--frame-step',
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help='Read every n-th frame of a video.',
        ),
        click.option(
            '--start',
            'start_s',
            type=click.FloatRange(min=0),
            default=0.0,
            help='Second of a video to start at.',
        ),
        click.option(
            '--end',
            'end_s',
            type=click.FloatRange(min=0, min_open=True),
            help='Second of a video to stop at.',
        ),
        click.option(
            '--max-frames', type=click.IntRange(min=1), help='Most frames of a video or camera.'
        ),
        click.option(
            '--no-recursive', is_flag=True, help='Do not go into the folders of a folder.'
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function
