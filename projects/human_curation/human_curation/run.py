"""Curate a pool: judge every image, and put those to keep into shards.

The same command goes on after any interruption. Units that cannot be read are passed over, named in
OUT/bad_units.jsonl, and tried again by the next run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mmsapiens.core.atomic_files import atomic_write

from .engines import ENGINES, Job, Work, choose_engine, run_engine
from .options import Options, add_options, options_of
from .output import (
    BAD_UNITS,
    MAX_NUMBER,
    TIMINGS,
    check_settings,
    done_units,
    lock_part,
    remove_leftovers,
    write_manifest,
)
from .pool import PoolError, digest_of, find_units
from .worker import Curator

PRINT_S = 30.0
"""Between lines of progress where there is no terminal."""
logger = logging.getLogger(__name__)


class TooManyBadUnitsError(RuntimeError):
    """More units cannot be read than the user accepts."""


def curate(
    pool: str,
    out: str | Path,
    options: Options,
    *,
    engine: str = 'processes',
    workers: int = 1,
    per_unit: int = 1000,
    part: tuple[int, int] = (0, 1),
    max_bad_share: float = 0.1,
    address: str | None = None,
    gpus: float = 0,
) -> dict[str, Any]:
    """Judge what is not yet judged.

    Args:
        pool (str): See :func:`find_units`.
        out (str | Path): Folder for shards and verdicts, made if needed.
        options (Options): What to do.
        engine (str): 'ray', 'processes', or 'inline', in this process. Defaults to 'processes'.
        workers (int): Processes or actors. Defaults to 1.
        per_unit (int): Images of a folder or list in a unit. Defaults to 1000.
        part (tuple[int, int]): (I, N): only units I, I + N, ... Defaults to (0, 1), all.
        max_bad_share (float): Of the units of the part; more that cannot be read end the run.
            Defaults to 0.1.
        address (str, optional): Of a Ray cluster. Defaults to None, one of its own.
        gpus (float): Share of a GPU that an actor needs. Defaults to 0.

    Returns:
        dict: ``units``, ``done`` before, ``bad``, and of this run ``images``, ``seconds``, ``cpu``
        and ``seen`` by stage; ``verdicts`` of the whole output.

    Raises:
        SettingsError: If the folder belongs to other settings.
        FolderInUseError: If another run is using it.
        PoolError: If there is nothing to read.
        TooManyBadUnitsError: If too many units cannot be read.
    """
    out = Path(out)
    units = find_units(pool, per_unit)
    if len(units) > MAX_NUMBER:
        raise PoolError(
            f'the pool {pool} has {len(units)} units, but names have six digits for them. Raise '
            '`--per-unit`, or divide the pool.'
        )
    settings = dict(pool=dict(units=len(units), sha256=digest_of(units)), **options.identity())
    with lock_part(out, part):
        check_settings(out, settings)
        mine = range(part[0], len(units), part[1])
        for name in ('images', 'verdicts'):
            (out / name).mkdir(exist_ok=True)
        done = set(done_units(out))
        left = [number for number in mine if number not in done]
        remove_leftovers(out, mine, options.quarantine, done=done)
        summary = run_units(
            partial(Curator, out, options),
            [(number, units[number]) for number in left],
            out,
            pool=pool,
            engine=engine,
            workers=workers,
            part=part,
            units=len(mine),
            max_bad_share=max_bad_share,
            address=address,
            gpus=gpus,
        )
        # Machines that were lost, and workers that were killed, left unfinished files.
        remove_leftovers(out, mine, options.quarantine, done=set(done_units(out)))
        return dict(summary, verdicts=write_manifest(out))


def run_units(
    make_job: Callable[[], Job],
    work: Work,
    out: Path,
    *,
    pool: str,
    engine: str,
    workers: int,
    part: tuple[int, int],
    units: int,
    max_bad_share: float = 0.1,
    address: str | None = None,
    gpus: float = 0,
) -> dict[str, Any]:
    """Let an engine do the units that are left of ``units``, show how it goes, and tell the sums.

    The other arguments are as in :func:`curate`.
    """
    if workers < 1:
        raise ValueError(f'`--workers` must be at least 1, but got {workers}')
    results = run_engine(engine, make_job, work, workers, address=address, gpus=gpus)
    tally = Tally(out, part, units, units - len(work), max_bad_share)
    try:
        with _progress(tally, pool) as show:
            for result in results:
                tally.add(result)
                show()
    finally:
        tally.write_bad()
    return tally.summary()


def _path_of_part(out: Path, name: str, part: tuple[int, int]) -> Path:
    if part[1] == 1:
        return out / name
    return out / name.replace('.', f'.{part[0]}-of-{part[1]}.')


class Tally:
    """What a run has done so far."""

    def __init__(
        self, out: Path, part: tuple[int, int], units: int, done: int, max_bad_share: float
    ) -> None:
        self.units, self.before, self.max_bad_share = units, done, max_bad_share
        self.bad_path = _path_of_part(out, BAD_UNITS, part)
        self.timings_path = _path_of_part(out, TIMINGS, part)
        self.done, self.images = done, 0
        self.bad: list[dict[str, Any]] = []
        self.cpu: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.start = self.last = time.monotonic()
        self.first: float | None = None

    def add(self, result: dict[str, Any]) -> None:
        """The result of a unit; a TooManyBadUnitsError if it is one too many."""
        if 'error' in result:
            self.bad.append(result)
            logger.warning('passed over: %s', result['error'])
            if len(self.bad) > self.max_bad_share * self.units:
                raise TooManyBadUnitsError(
                    f'{len(self.bad)} of {self.units} units cannot be read, more than '
                    f'`--max-bad-share` {self.max_bad_share} allows; they are named in '
                    f'{self.bad_path}. The last one: {result["error"]}'
                )
            return
        with self.timings_path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(result) + '\n')
        self.done += 1
        self.images += result['images']
        self.cpu.update(result['cpu'])
        self.seen.update(result['seen'])
        self.last = time.monotonic()
        if self.first is None:
            self.first = self.last - result['seconds']

    def write_bad(self) -> None:
        """Name the units that were passed over; no file if there are none."""
        if self.bad:
            lines = sorted(self.bad, key=lambda bad: bad['number'])
            atomic_write(b''.join(json.dumps(b).encode() + b'\n' for b in lines), self.bad_path)
        else:
            self.bad_path.unlink(missing_ok=True)

    def rate(self) -> float:
        """Images/s from the start of the first unit to the end of the last one."""
        return self.images / max(1e-9, self.last - (self.first or 0))

    def summary(self) -> dict[str, Any]:
        """The numbers."""
        return dict(
            units=self.units,
            done=self.before,
            bad=len(self.bad),
            images=self.images,
            seconds=time.monotonic() - self.start,
            images_per_s=self.rate(),
            cpu=dict(self.cpu),
            seen=dict(self.seen),
        )

    def __str__(self) -> str:
        bad = f', {len(self.bad)} passed over' if self.bad else ''
        return (
            f'{self.done} of {self.units} units{bad}, {self.images} images, '
            f'{self.rate():.1f} images/s'
        )


@contextmanager
def _progress(tally: Tally, pool: str) -> Iterator[Any]:
    console = Console(stderr=True)
    if not console.is_terminal:
        shown = time.monotonic()

        def show_line() -> None:
            nonlocal shown
            if time.monotonic() - shown > PRINT_S:
                shown = time.monotonic()
                console.print(str(tally), highlight=False)

        yield show_line
        return
    columns = (
        TextColumn(f'{pool}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('units, {task.fields[rate]:.1f} images/s, left'),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task('', total=tally.units, completed=tally.done, rate=0.0)
        yield lambda: progress.update(bar, completed=tally.done + len(tally.bad), rate=tally.rate())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `run`."""
    add = parser.add_argument
    add('pool', help='folder, tar or parquet file, or list; a path or a URL of fsspec')
    add('--out', required=True, help='folder for shards and verdicts')
    add_options(parser)
    add_engine_arguments(parser)


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments from which :func:`engine_options` makes those of :func:`curate`."""
    add = parser.add_argument
    add('--engine', choices=ENGINES, help='ray where it is installed, else processes')
    add('--workers', type=int, default=os.cpu_count() or 1, help='processes; as many as CPUs')
    add('--gpus', type=float, default=0, help='share of a GPU that a worker needs, such as 0.25')
    add('--address', help='of a Ray cluster; by default one is started and ended')
    add('--part', type=parse_part, default=(0, 1), metavar='I/N', help='units I, I + N, ...')
    add('--per-unit', type=int, default=1000, help='images of a folder or list in a unit')
    add('--max-bad-share', type=float, default=0.1, help='of units that may be passed over')


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """How the units are dealt out."""
    names = ('workers', 'per_unit', 'part', 'max_bad_share', 'address', 'gpus')
    return dict(
        engine=choose_engine(args.engine, args.part),
        **{name: getattr(args, name) for name in names},
    )


def parse_part(text: str) -> tuple[int, int]:
    """I/N as two numbers."""
    first, _, second = text.partition('/')
    try:
        return int(first), int(second)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be I/N, but is {text!r}') from None


def run(args: argparse.Namespace) -> int:
    """Run, print what became of the images, and return the exit code."""
    options = options_of(args, 'cuda' if args.gpus else 'cpu')
    if missing := options.missing():
        print(f'not checked, for want of a model: {", ".join(missing)}', file=sys.stderr)
    summary = curate(args.pool, args.out, options, **engine_options(args))
    print('\n'.join(summary_lines(summary)))
    return 0


def summary_lines(summary: dict[str, Any]) -> Sequence[str]:
    """What a run has done, for people."""
    lines = [
        f'{summary["units"]} units: {summary["done"]} were done, {summary["bad"]} passed over; '
        f'{summary["images"]} images in {summary["seconds"]:.0f} s, '
        f'{summary["images_per_s"]:.1f} images/s'
    ]
    total = max(1, sum(summary['verdicts'].values()))
    lines += [
        f'  {name:12} {number:10} {number / total:7.1%}'
        for name, number in sorted(summary['verdicts'].items(), key=lambda pair: -pair[1])
    ]
    if summary['cpu']:
        lines.append('CPU ms an image that came to the stage (images):')
    lines += [
        f'  {name:12} {seconds * 1e3 / max(1, summary["seen"][name]):10.2f} '
        f'{summary["seen"][name]:10}'
        for name, seconds in summary['cpu'].items()
    ]
    return lines
