"""Precision and recall of each check against images of known truth: ``score OUT TRUTH``.

A check is judged on the images that came to it: those before it have taken theirs out already.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mmsapiens.core import MissingInputError, atomic_write

from .checks import NETWORKS, ORDER
from .output import SETTINGS

SCORES = ('size', 'aspect', 'flat', 'explicit', 'person', 'text', 'drawing', 'watermark')
"""Columns of the verdicts with a score of the check of that name."""
COLUMNS = ('key', 'unit', 'verdict', 'name', *SCORES)
UNIQUE = 'images/unique.txt'
COPIES = ('near copy', 'cropped copy', 'mirrored copy', 'exact copy')


@dataclass
class Figure:
    """How a check did.

    Args:
        name (str): Of the check.
        came (int): Images that came to it and of which it is known what it should do.
        right (int): Rejected rightly.
        wrong (int): Rejected, but should stay.
        missed (int): Stayed, but should be rejected.
        note (str): What is to be known. Defaults to ''.
    """

    name: str
    came: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    note: str = ''

    @property
    def precision(self) -> float | None:
        """Right ones of those rejected; None without any."""
        rejected = self.right + self.wrong
        return self.right / rejected if rejected else None

    @property
    def recall(self) -> float | None:
        """Rejected ones of those that should be; None without any."""
        should = self.right + self.missed
        return self.right / should if should else None

    def count(self, *, should: bool, does: bool) -> None:
        """Count an image."""
        self.came += 1
        self.right += should and does
        self.wrong += does and not should
        self.missed += should and not does


def passes(name: str, score: Any, limit: float) -> Any:
    """Whether an image with the score of a check stays; of an array of scores, an array."""
    if name == 'size':
        return score > limit
    return score >= limit if name == 'person' else score <= limit


def read_settings(out: Path) -> dict[str, Any]:
    """The settings of a run.

    Raises:
        MissingInputError: If ``out`` is no folder of a run.
    """
    path = out / SETTINGS
    if not path.is_file():
        raise MissingInputError(f'{out} is no folder of a run: it has no {SETTINGS}')
    return json.loads(path.read_text('utf-8'))


def read_verdicts(out: Path, columns: Sequence[str] = COLUMNS) -> list[dict[str, Any]]:
    """Rows of the verdicts.

    Raises:
        MissingInputError: If there are none.
    """
    paths = sorted((out / 'verdicts').glob('*.parquet'))
    if not paths:
        raise MissingInputError(f'{out} has no verdicts; has a unit of the run ended?')
    return ds.dataset(paths, format='parquet').to_table(list(columns)).to_pylist()


def join(verdicts: Iterable[dict[str, Any]], truth: Path) -> list[dict[str, Any]]:
    """Verdicts with ``kind``, ``rejects`` and the other columns of the truth.

    Raises:
        MissingInputError: If the truth is of another pool.
    """
    known = {row['key']: row for row in pq.read_table(truth).to_pylist()}
    rows = [{**known[v['key']], **v} for v in verdicts if v['key'] in known]
    if not rows:
        raise MissingInputError(f'{truth} knows none of the images that were judged')
    return rows


def score_checks(rows: Sequence[dict[str, Any]], settings: dict[str, Any]) -> list[Figure]:
    """Figures of all checks, in their order, and of the whole.

    Args:
        rows (Sequence[dict]): Of :func:`join`.
        settings (dict): Of the run.
    """
    figures = [_figure(name, rows, settings) for name in ORDER if name != 'copy']
    figures.append(_equal_files(rows))
    kept = Figure('all: kept or not')
    for row in rows:
        if not row['either'] or row['rejects']:
            kept.count(should=bool(row['rejects']), does=row['verdict'] not in ('kept', 'copy'))
    return [*figures, kept]


def _figure(name: str, rows: Sequence[dict[str, Any]], settings: dict[str, Any]) -> Figure:
    figure = Figure(name)
    if name in NETWORKS and name not in settings['models']:
        return Figure(name, note='not measured: no model')
    if name in settings['skip']:
        return Figure(name, note='not measured: left out')
    place, limit = ORDER.index(name), settings['limits'].get(name, 0.0)
    for row in rows:
        verdict = row['verdict']
        if name in SCORES:
            came = row[name] is not None
            does = came and not passes(name, row[name], limit)
        else:
            came = verdict not in ORDER or ORDER.index(verdict) >= place
            does = verdict == name
        if came and name not in row['either']:
            figure.count(should=name in row['rejects'], does=does)
    if figure.recall is None:
        figure.note = 'nothing to find came to it'
    return figure


def _equal_files(rows: Sequence[dict[str, Any]]) -> Figure:
    """The verdict 'copy': equal files in one unit."""
    figure, seen = Figure('copy', note='equal files in one unit'), set()
    for row in rows:
        if row['verdict'] in ('kept', 'copy'):
            mark = row['unit'], row['sha256']
            figure.count(should=mark in seen, does=row['verdict'] == 'copy')
            seen.add(mark)
    return figure


def score_copies(rows: Sequence[dict[str, Any]], unique: set[str]) -> list[Figure]:
    """Figures of the second pass: all copies, by kind, and copies of the test set.

    Of a group of kept copies one should stay. Other cuts of one photograph count neither way.

    Args:
        rows (Sequence[dict]): Of :func:`join`.
        unique (set[str]): Names that stay.
    """
    groups = defaultdict(list)
    for row in rows:
        if row['verdict'] == 'kept':
            groups[row['group']].append(row)
    staying = {row['source'] for row in rows if row['name'] in unique}
    whole, tests = Figure('copies, second pass'), Figure('copies of the test set')
    kinds = {kind: Figure(f'{kind} of one original') for kind in COPIES}
    for name, group in groups.items():
        left = sum(row['name'] in unique for row in group)
        if name.startswith('test:'):
            for row in group:
                tests.count(should=True, does=row['name'] not in unique)
            continue
        gone, should = len(group) - left, len(group) - 1
        if not left and group[0]['source'] in staying:
            gone = should  # taken for a copy of another cut of the same photograph
        whole.came += len(group)
        whole.right += min(gone, should)
        whole.wrong += max(0, gone - should)
        whole.missed += max(0, should - gone)
        kind = {row['kind'] for row in group} & kinds.keys()
        if len(group) == 2 and len(kind) == 1:
            kinds[kind.pop()].count(should=True, does=gone > 0)
    return [whole, *(figure for figure in kinds.values() if figure.came), tests]


def table(figures: Sequence[Figure]) -> str:
    """In Markdown."""
    lines = ['| check | came | rejected rightly | wrongly | missed | precision | recall | |',
             '|---|---|---|---|---|---|---|---|']  # fmt: skip
    for f in figures:
        if f.note.startswith('not measured'):
            lines.append(f'| {f.name} | | | | | | | {f.note} |')
            continue
        shares = ' | '.join('' if v is None else f'{v:.3f}' for v in (f.precision, f.recall))
        counts = f'{f.came} | {f.right} | {f.wrong} | {f.missed}'
        lines.append(f'| {f.name} | {counts} | {shares} | {f.note} |')
    return '\n'.join(lines)


def table_of_kinds(rows: Sequence[dict[str, Any]]) -> str:
    """How many of each kind got which verdict, in Markdown."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row['kind']][row['verdict']] += 1
    present = {row['verdict'] for row in rows}
    columns = [name for name in ('kept', *ORDER) if name in present]
    lines = [f'| kind | images | {" | ".join(columns)} |', '|---' * (len(columns) + 2) + '|']
    for kind, count in sorted(counts.items()):
        cells = ' | '.join(str(count[name] or '') for name in columns)
        lines.append(f'| {kind} | {sum(count.values())} | {cells} |')
    return '\n'.join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``score``."""
    add = parser.add_argument
    add('out', type=Path, help='folder of a run')
    add('truth', type=Path, help='the truth.parquet of `make-pool`')
    add(
        '--leave-out',
        metavar='START',
        help='images whose source begins so, such as `render`: people that were rendered',
    )
    add('--markdown', type=Path, help='write the tables there, too')


def run(args: argparse.Namespace) -> int:
    """The command ``score``."""
    rows = join(read_verdicts(args.out), args.truth)
    if args.leave_out:
        rows = [row for row in rows if not row['source'].startswith(args.leave_out)]
    figures = score_checks(rows, read_settings(args.out))
    unique = args.out / UNIQUE
    if unique.is_file():
        figures += score_copies(rows, set(unique.read_text('utf-8').split()))
    text = f'{table(figures)}\n\n{table_of_kinds(rows)}\n'
    print(text)
    if args.markdown:
        atomic_write(text.encode(), args.markdown)
    return 0
