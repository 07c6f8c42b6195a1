"""What `infer` and `features` have in common: options, a progress bar, how a run ends."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import reduce
from typing import TYPE_CHECKING, Any

import click

from ..core.heaps import share_heaps
from .exit_codes import FAILED, UNEXPECTED, explain
from .output import DTYPES, POSITIVE, as_json, console, flag, json_option, option

if TYPE_CHECKING:
    from ..inference.write_run import RunSummary
    from ..structures.results import ImageResult, ReadFailure

SHOWN = 10
"""Most inputs that are named one by one."""
_WORKERS = 'Threads that decode files, and as many that prepare crops.'
_MODE = "'lite' gives the numbers of the reference's small demos."
_OPTIONS = (
    option('--device', 'Such as cuda:0 or cpu.'),
    option('--dtype', None, DTYPES, default='float32'),
    option('--batch-size', 'People, or images, that a network sees at once.', POSITIVE, default=4),
    option('--workers', _WORKERS, POSITIVE, default=2),
    option('--mode', _MODE, click.Choice(['default', 'lite']), default='default'),
    option('--frame-step', 'Read every n-th frame of a video.', POSITIVE, default=1),
    option('--start start_s', 'Second of a video to start at.', click.FloatRange(0), default=0.0),
    option('--end end_s', 'Second of a video to stop at.', click.FloatRange(min=0, min_open=True)),
    option('--max-frames', 'Most frames of a video or camera.', POSITIVE),
    flag('--no-recursive', 'Do not go into the folders of a folder.'),
    flag('--overwrite', 'Replace results of other models or options.'),
    flag('--quiet -q', 'No progress bar.'),
    json_option,
)


def run_options(command: Callable) -> Callable:
    """Give a command the options that say how images are read, networks run, results written."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def pick(options: Mapping[str, Any], names: str) -> dict[str, Any]:
    """Some of the options, their names between blanks."""
    return {name: options[name] for name in names.split()}


def run_and_report(
    make: Callable[[], Any],
    inputs: tuple[str, ...],
    out: str,
    options: Mapping[str, Any],
    arguments: Mapping[str, Any],
    more: Mapping[str, Any],
) -> int:
    """Run over images with a progress bar, report how it ended, and give the exit code.

    ``make`` gives something with a method ``run``, such as an inferencer; ``options`` are those of
    :func:`run_options`, ``arguments`` further ones of ``run``, ``more`` entries of the document.
    """
    from ..io.read_options import ReadOptions

    chosen = pick(options, 'frame_step start_s end_s max_frames')
    read = ReadOptions(recursive=not options['no_recursive'], **chosen)
    share_heaps()
    with warnings_only():
        runner = make()
        with _image_errors(), RunProgress(options['quiet'] or options['json']) as progress:
            given = inputs[0] if len(inputs) == 1 else list(inputs)
            told = dict(on_start=progress.start, on_item=progress.item)
            summary = runner.run(given, out, read=read, **told, **arguments)
    if options['json']:
        plain = dict(folder=str(summary.folder), seconds=round(summary.seconds, 3))
        as_json({**asdict(summary), **plain, **more})
    else:
        _echo_summary(summary)
    return FAILED if summary.failed else 0


@contextmanager
def warnings_only() -> Iterator[None]:
    """Only warnings of loggers: hosts log what they build, and warn about each other."""
    level = logging.root.manager.disable
    logging.disable(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            yield
        finally:
            logging.disable(level)


class RunProgress:
    """A bar on stderr, if that is a terminal, and a line for each input that cannot be read."""

    def __init__(self, quiet: bool) -> None:
        from rich import progress

        shown = console(stderr=True)
        self._bar = progress.Progress(
            progress.TextColumn('{task.description}', markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn('{task.fields[rate]}'),
            progress.TimeRemainingColumn(),
            console=shown,
            disable=quiet or not shown.is_terminal,
        )
        self._task = self._bar.add_task('images', total=None, rate='')

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, total: int | None) -> None:
        """Take the number of images, None if it is unknown."""
        self._bar.reset(self._task, total=total, rate='')

    def item(self, item: ImageResult | ReadFailure) -> None:
        """Count a result."""
        reason = getattr(item, 'reason', None)
        if reason is not None:
            self._bar.console.print(f'cannot read {getattr(item, "source", "")}: {reason}')
        self._bar.update(self._task, advance=1)
        task = self._bar.tasks[0]
        # Not its own speed: of results that come in bursts that is far too high.
        self._bar.update(self._task, rate=f'{task.completed / (task.elapsed or 1):.2f}/s')


@contextmanager
def _image_errors() -> Iterator[None]:
    """Errors about an image end the command with a line."""
    from ..core.errors import ReadError
    from ..inference.prefetch import FrameError

    try:
        yield
    except FrameError as error:
        cause = error.__cause__
        code, text = explain(cause or error)
        found = click.ClickException(
            f'{error}{f": {text}" if code != UNEXPECTED and text not in str(error) else ""}\n'
            'What was done before is kept; the same command continues from there.'
        )
        is_unread = error.doing == 'reading' or isinstance(cause, ReadError)
        found.exit_code = FAILED if is_unread else code  # type: ignore[misc]
        raise found from error


def _echo_summary(summary: RunSummary) -> None:
    rate = ''
    if summary.done and summary.seconds:
        rate = f', {summary.done / summary.seconds:.2f} a second'
    click.echo(
        f'{summary.done} images and frames done in {summary.seconds:.1f} s{rate}; {summary.skipped}'
        f' inputs were done before; {len(summary.failed)} failed; {summary.people} people'
    )
    for one in summary.failed[:SHOWN]:
        click.echo(f'  failed: {one.source}: {one.reason}')
    if len(summary.failed) > SHOWN:
        click.echo(f'  ... and {len(summary.failed) - SHOWN} more')
    click.echo(f'results: {summary.folder}')
