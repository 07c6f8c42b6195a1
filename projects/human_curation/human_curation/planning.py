"""What a larger pool takes: cores, GPUs, storage and network, from the figures of a run.

A run records in OUT/timings*.jsonl how long each stage of each unit took. Shares of the images that
come to a stage are those of the run, unless they are given: a pool that was made for a trial is not
the web. Every assumption is printed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .copies import kept_rows
from .output import TIMINGS, done_path, done_units, read_counts

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
STAGES = (
    'read', 'header', 'decode', 'forbidden', 'flat', 'explicit', 'person', 'text', 'drawing',
    'watermark', 'fingerprint', 'write',
)  # fmt: skip
ALL = ('read', 'header')
"""Stages that every image comes to."""
KEPT = ('fingerprint', 'write')
"""Stages of those that are kept; all are written into the verdicts, but bytes take the time."""
NAME_BYTES = 17
"""Of a name in a list for ``subset_file``."""
PDQ_BYTES = 32
CODE_BYTES = 64
"""Of an embedding in a compressed index."""


@dataclass(frozen=True)
class Figures:
    """What a run measured.

    Args:
        images (int): Judged.
        kept (int): Of them.
        bytes (int): Of all files.
        kept_bytes (int): Of the shards.
        verdict_bytes (int): Of the verdicts.
        units (int): That were timed.
        cpu_s (dict[str, float]): Seconds of a core by stage.
        seen (dict[str, int]): Images that came to each stage.
        sscd_bytes (int): Of an embedding; 0 without. Defaults to 0.
    """

    images: int
    kept: int
    bytes: int
    kept_bytes: int
    verdict_bytes: int
    units: int
    cpu_s: Mapping[str, float]
    seen: Mapping[str, int]
    sscd_bytes: int = 0


@dataclass(frozen=True)
class Assumptions:
    """What a run cannot tell.

    Args:
        images (float): In the pool. Defaults to a billion.
        cores (int): Of all machines. Defaults to 1,000.
        kept (float, optional): Share that stays. Defaults to None, that of the run.
        shares (Mapping[str, float]): Of all images that come to a stage, where it is not as in the
            run. Defaults to none.
        gpu (Mapping[str, float]): Stages on GPUs, and images/s of one GPU there. Defaults to none.
        image_kb (float, optional): Mean size of a file of the pool. Defaults to None, as in the
            run.
        kept_kb (float, optional): Of one that is kept. Defaults to None, as in the run.
        per_unit (int): Images in a shard of the pool. Defaults to 10,000.

    Raises:
        ValueError: If a stage is unknown, or a number is out of range.
    """

    images: float = 1e9
    cores: int = 1000
    kept: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    gpu: Mapping[str, float] = field(default_factory=dict)
    image_kb: float | None = None
    kept_kb: float | None = None
    per_unit: int = 10_000

    def __post_init__(self) -> None:
        if unknown := sorted({*self.shares, *self.gpu} - set(STAGES)):
            raise ValueError(
                f'stages must be some of {", ".join(STAGES)}, but got {", ".join(unknown)}'
            )
        shares = dict(self.shares) if self.kept is None else {**self.shares, 'kept': self.kept}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ValueError(f'the share of {name} must be from 0 to 1, but got {share}')
        positive = dict(
            images=self.images, cores=self.cores, image_kb=self.image_kb, kept_kb=self.kept_kb
        )
        for name, value in {**positive, 'per_unit': self.per_unit, **self.gpu}.items():
            if value is not None and value <= 0:
                raise ValueError(f'`{name}` must be positive, but got {value}')


def read_figures(out: str | Path) -> Figures:
    """The figures of a run.

    Raises:
        FileNotFoundError: If the folder has none.
    """
    out = Path(out)
    images = size = 0
    units: set[int] = set()
    cpu_s: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for path in sorted(out.glob(TIMINGS.replace('.', '*.'))):
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                unit = json.loads(line)
            except ValueError:
                continue  # a driver was killed in it
            if unit['number'] in units:
                continue
            units.add(unit['number'])
            images += unit['images']
            size += unit['bytes']
            cpu_s.update(unit['cpu'])
            seen.update(unit['seen'])
    kept = kept_bytes = judged = verdict_bytes = sscd_bytes = 0
    for number in done_units(out) if units else ():
        path = done_path(out, number)
        counts = read_counts(path)
        kept += counts['verdicts'].get('kept', 0)
        judged += sum(counts['verdicts'].values())
        kept_bytes += counts['bytes'].get('images', 0)
        verdict_bytes += path.stat().st_size
        if counts['verdicts'].get('kept') and not sscd_bytes:
            vector = kept_rows(path, ['sscd'])['sscd'][0].as_py()
            sscd_bytes = len(vector or b'')
    if not images or not judged:
        raise FileNotFoundError(
            f'{out} must be the folder of a run, but has no units that are done with their timings '
            f'({TIMINGS})'
        )
    scale = images / judged  # units may be done that were not timed
    return Figures(
        images, round(kept * scale), size, round(kept_bytes * scale), round(verdict_bytes * scale),
        len(units), dict(cpu_s), dict(seen), sscd_bytes,
    )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A stage of the plan; ``cpu_s`` is of an image on a core."""

    stage: str
    share: float
    is_assumed: bool
    images: float
    cpu_s: float
    core_hours: float
    gpu_hours: float


def plan_stages(figures: Figures, given: Assumptions) -> list[Line]:
    """A line for each stage that the run had, in their order."""
    lines = []
    for stage in [s for s in STAGES if figures.seen.get(s)]:
        share = figures.seen[stage] / figures.images
        is_assumed = stage in given.shares
        if is_assumed:
            share = given.shares[stage]
        elif stage in ALL:
            share = 1.0
        elif stage in KEPT and given.kept is not None:
            share, is_assumed = given.kept, True
        seen = figures.seen[stage] if stage != 'write' else max(1, figures.kept)
        cpu_s = figures.cpu_s[stage] / seen
        if stage == 'write' and not is_assumed:
            share = figures.kept / figures.images
        images = given.images * share
        on_gpu = given.gpu.get(stage)
        lines.append(
            Line(
                stage,
                share,
                is_assumed,
                images,
                cpu_s,
                0.0 if on_gpu else images * cpu_s / HOUR_S,
                images / on_gpu / HOUR_S if on_gpu else 0.0,
            )
        )
    return lines


def plan_lines(figures: Figures, given: Assumptions) -> list[str]:
    """The plan, in Markdown."""
    stages = plan_stages(figures, given)
    core_hours = sum(line.core_hours for line in stages)
    text = [
        '| Stage | Share of the pool | Images | CPU ms an image | Images/s on a core | Core hours '
        '| GPU hours |',
        '|---|---|---|---|---|---|---|',
    ]
    for line in stages:
        on_gpu = f'{line.gpu_hours:,.0f}' if line.gpu_hours else ''
        rate = f'{1 / line.cpu_s:,.0f}' if line.cpu_s else ''
        text.append(
            f'| {line.stage} | {line.share:.1%}{" (assumed)" if line.is_assumed else ""} | '
            f'{line.images:,.0f} | {line.cpu_s * 1e3:.2f} | {rate} | '
            f'{f"{line.core_hours:,.0f}" if not on_gpu else ""} | {on_gpu} |'
        )
    rate = given.images / (core_hours * HOUR_S)
    gpu_hours = sum(line.gpu_hours for line in stages)
    text.append(
        f'| **sum** | | {given.images:,.0f} | {core_hours * HOUR_S / given.images * 1e3:.2f} | '
        f'{rate:,.1f} | {core_hours:,.0f} | {f"{gpu_hours:,.0f}" if gpu_hours else ""} |'
    )
    return [*text, '', *_resources(figures, given, core_hours, gpu_hours), *_notes(figures, given)]


def _resources(
    figures: Figures, given: Assumptions, core_hours: float, gpu_hours: float
) -> list[str]:
    image_kb = given.image_kb or figures.bytes / figures.images / 1e3
    kept_kb = given.kept_kb or figures.kept_bytes / max(1, figures.kept) / 1e3
    share = given.kept if given.kept is not None else figures.kept / figures.images
    kept = given.images * share
    seconds = core_hours * HOUR_S / given.cores
    pool, stored = given.images * image_kb * 1e3, kept * kept_kb * 1e3
    verdicts = given.images * figures.verdict_bytes / figures.images
    rows = {
        'duration': f'{seconds / DAY_S:,.2f} days on {given.cores:,} cores',
        'pool': f'{pool / 1e12:,.1f} TB at {image_kb:,.0f} KB an image',
        'shards': f'{stored / 1e12:,.1f} TB: {kept:,.0f} images at {kept_kb:,.0f} KB',
        'verdicts': f'{verdicts / 1e12:,.2f} TB at '
        f'{figures.verdict_bytes / figures.images:,.0f} bytes an image',
        'network in': f'{pool * 8 / seconds / 1e9:,.1f} Gbit/s for that duration',
        'network out': f'{(stored + verdicts) * 8 / seconds / 1e9:,.1f} Gbit/s',
        'units': f'{given.images / given.per_unit:,.0f} of {given.per_unit:,} images',
        'PDQ of the images kept': f'{kept * PDQ_BYTES / 1e9:,.1f} GB in memory, for `copies`',
        'SSCD of them': f'{kept * figures.sscd_bytes / 1e9:,.0f} GB, or '
        f'{kept * CODE_BYTES / 1e9:,.0f} GB as codes (`--sscd-index IVF65536,PQ{CODE_BYTES}`)',
        'list of their names': f'{kept * NAME_BYTES / 1e9:,.1f} GB on a disk; '
        f'{kept / 8 / 1e9:,.2f} GB in memory for `subset_file`',
    }
    if not figures.sscd_bytes:
        del rows['SSCD of them']
    if gpu_hours:
        rows['GPUs'] = f'{gpu_hours * HOUR_S / seconds:,.0f} for that duration'
    return ['| Resource | |', '|---|---|', *(f'| {k} | {v} |' for k, v in rows.items()), '']


def _notes(figures: Figures, given: Assumptions) -> list[str]:
    notes = [
        f'Measured: {figures.images:,} images in {figures.units:,} units, of which '
        f'{figures.kept:,} were kept; the CPU time of one thread, reading and writing included.',
        f'Assumed: {given.images:,.0f} images; {given.cores:,} cores as fast as those of the run, '
        'all at work to the end.',
    ]
    if given.kept is not None:
        notes.append(f'Assumed: {given.kept:.1%} are kept.')
    else:
        notes.append('Assumed: as large a part is kept as in the run.')
    sizes = dict(pool=given.image_kb, kept=given.kept_kb)
    notes += [
        f'Assumed: files of the {name} have '
        + (f'{value:,.0f} KB.' if value else 'the mean size of the run.')
        for name, value in sizes.items()
    ]
    notes += [
        f'Assumed, not measured: {stage} on GPUs with {rate:,.0f} images/s each; decoding for them '
        'stays on the cores.'
        for stage, rate in given.gpu.items()
    ]
    notes.append('Not counted: fetching the pool, failures, `copies`.')
    return notes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `plan`."""
    add = parser.add_argument
    add('out', help='folder of a run, whose figures count')
    add('--images', type=float, default=1e9, help='in the pool; a billion by default')
    add('--cores', type=int, default=1000, help='of all machines; 1000 by default')
    add('--kept', type=float, help='share that is kept, such as 0.3; as in the run by default')
    add(
        '--share', action='append', default=[], metavar='STAGE=SHARE',
        help=f'of all images that come to a stage: {", ".join(STAGES)}',
    )  # fmt: skip
    add(
        '--gpu', action='append', default=[], metavar='STAGE=IMAGES_PER_S',
        help='a stage on GPUs, and what one of them does',
    )  # fmt: skip
    add('--image-kb', type=float, help='mean size of a file of the pool')
    add('--kept-kb', type=float, help='mean size of a file that is kept')
    add('--per-unit', type=int, default=10_000, help='images in a shard of the pool')


def _numbers(option: str, texts: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition('=')
        try:
            found[name] = float(value)
        except ValueError:
            raise ValueError(f'`{option}` must be STAGE=NUMBER, but got {text!r}') from None
    return found


def run(args: argparse.Namespace) -> int:
    """Print the plan."""
    given: dict[str, Any] = {
        name: getattr(args, name)
        for name in ('images', 'cores', 'kept', 'image_kb', 'kept_kb', 'per_unit')
    }
    assumptions = Assumptions(
        shares=_numbers('--share', args.share), gpu=_numbers('--gpu', args.gpu), **given
    )
    print('\n'.join(plan_lines(read_figures(args.out), assumptions)))
    return 0
