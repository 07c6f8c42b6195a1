"""What `infer` and `features` have in common: options, a progress bar, how a run ends."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .exit_codes import FAILED, UNEXPECTED, USAGE
from .output import as_json, console, json_option

if TYPE_CHECKING:
    from ..inference.write_run import RunSummary
    from ..io.read_options import ReadOptions
    from ..structures.results import ImageResult, ReadFailure

SHOWN = 10
"""Most inputs that are named one by one."""
POSITIVE = click.IntRange(min=1)
_MODEL_OPTIONS = (
    click.option('--device', help='Such as cuda:0 or cpu.'),
    click.option(
        '--dtype',
        type=click.Choice(['float32', 'bfloat16', 'float16']),
        default='float32',
        show_default=True,
    ),
    click.option(
        '--batch-size',
        type=POSITIVE,
        default=4,
        show_default=True,
        help='People, or images, that a network sees at once.',
    ),
    click.option(
        '--workers',
        type=POSITIVE,
        default=2,
        show_default=True,
        help='Threads that decode files, and as many that prepare crops.',
    ),
    click.option(
        '--mode',
        type=click.Choice(['default', 'lite']),
        default='default',
        show_default=True,
        help="'lite' gives the numbers of the reference's small demos.",
    ),
)
_READ_OPTIONS = (
    click.option(
        '--frame-step',
        type=POSITIVE,
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
    click.option('--max-frames', type=POSITIVE, help='Most frames of a video or camera.'),
    click.option('--no-recursive', is_flag=True, help='Do not go into the folders of a folder.'),
)
_RUN_OPTIONS = (
    click.option('--overwrite', is_flag=True, help='Replace results of other models or options.'),
    click.option('--quiet', '-q', is_flag=True, help='No progress bar.'),
    json_option,
)


def _all_of(options: tuple[Callable, ...]) -> Callable[[Callable], Callable]:
    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


model_options = _all_of(_MODEL_OPTIONS)
"""Options of a command that say how networks run."""
run_options = _all_of((*_READ_OPTIONS, *_RUN_OPTIONS))
"""Options of a command that say how inputs are read and results written."""


def run_and_report(
    make: Callable[[], Any],
    inputs: tuple[str, ...],
    out: str,
    options: Mapping[str, Any],
    arguments: Mapping[str, Any],
    **more: Any,
) -> int:
    """Run over images with a progress bar, and report how it ended.

    Args:
        make (Callable): Gives something with a method ``run``, such as an inferencer.
        inputs (tuple[str, ...]): Of the command.
        out (str): Folder of the results.
        options (Mapping[str, Any]): Those of :data:`run_options`.
        arguments (Mapping[str, Any]): Further ones of ``run``.
        **more: Further entries of the json document.

    Returns:
        int: The exit code.
    """
    with warnings_only():
        runner = make()
        with image_errors(), RunProgress(options['quiet'] or options['json']) as progress:
            summary = runner.run(
                inputs[0] if len(inputs) == 1 else list(inputs),
                out,
                read=_read_options(options),
                on_start=progress.start,
                on_item=progress.item,
                **arguments,
            )
    if options['json']:
        as_json(dict(summary_document(summary), **more))
    else:
        _echo_summary(summary)
    return FAILED if summary.failed else 0


def _read_options(options: Mapping[str, Any]) -> ReadOptions:
    from ..io.read_options import ReadOptions

    names = ('frame_step', 'start_s', 'end_s', 'max_frames')
    return ReadOptions(
        recursive=not options['no_recursive'], **{name: options[name] for name in names}
    )


@contextmanager
def warnings_only() -> Iterator[None]:
    """Only warnings of loggers, and no Python warnings, inside the block.

    The hosts log what they build and load, and warn about each other.
    """
    level = logging.root.manager.disable
    logging.disable(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            yield
        finally:
            logging.disable(level)


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
            f'{text}\nWhat was done before is kept; the same command continues from there.'
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
        code = USAGE if isinstance(cause, (ValueError, KeyError, OSError)) else UNEXPECTED
        if error.doing == 'reading' or isinstance(cause, ReadError):
            code = FAILED
        raise ImageError(str(error), code) from error


def summary_document(summary: RunSummary) -> dict[str, Any]:
    """A summary of JSON types."""
    return dict(
        folder=str(summary.folder),
        done=summary.done,
        skipped=summary.skipped,
        people=summary.people,
        failed=[
            dict(name=one.name, source=one.source, reason=one.reason) for one in summary.failed
        ],
        seconds=round(summary.seconds, 3),
    )


def _echo_summary(summary: RunSummary) -> None:
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
