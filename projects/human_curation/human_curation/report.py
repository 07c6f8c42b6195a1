"""A page about a run: ``report OUT``. One HTML file, images inside.

People per image (figure 2 of the paper), yield by check and at other limits, histograms of scores,
and sheets of images that were kept and rejected. Rejected images are read from the pool, if it is
given. Images that were rejected as explicit or forbidden are never shown.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track

from mmsapiens.core import ReadError, atomic_write
from mmsapiens.io.shards import INDEX_SUFFIX, ShardIndex

from .checks import ORDER
from .decoding import decode_small
from .evaluation import read_settings
from .header import read_header
from .pool import find_units, read_unit
from .tallies import EDGES, MOST_PEOPLE, STEPS, Tally, Yield, rows_of

HIDDEN = ('explicit', 'forbidden')
THUMB = 170
"""Pixels of the longer side of an image on a sheet."""
COLUMNS = ['key', 'unit', 'verdict', 'score', 'width', 'boxes', 'box_scores', 'people', 'shard',
           'name', 'note']  # fmt: skip
TITLES = {
    'size': 'shorter side, pixels', 'aspect': 'longer side over shorter one',
    'flat': 'share of equal neighbors', 'explicit': 'explicit', 'person': 'best large person',
    'text': 'share of text', 'drawing': 'drawing', 'watermark': 'watermark',
}  # fmt: skip
STYLE = """
body{margin:0 auto;max-width:1100px;padding:1rem;font:15px/1.5 system-ui,sans-serif;
color:#222;background:#fafafa}
h1,h2{font-weight:600}table{border-collapse:collapse}
td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}
.row{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0}
figcaption{font-size:12px;color:#555;max-width:170px;overflow-wrap:anywhere}
svg text{font:11px system-ui,sans-serif;fill:#444}
"""


@dataclass(frozen=True)
class Thumb:
    """An image on a sheet.

    Args:
        image (bytes | None): JPEG file; None if it cannot be shown.
        text (str): Below it.
    """

    image: bytes | None
    text: str


def bars(
    counts: Sequence[int], labels: Sequence[str], *, mark: float | None = None, width: int = 330
) -> str:
    """A bar chart as SVG.

    Args:
        counts (Sequence[int]): Heights.
        labels (Sequence[str]): Below the bars, one each; '' for none.
        mark (float | None): Place of a line, in bars from the left. Defaults to None.
        width (int): Pixels. Defaults to 330.
    """
    height, foot, head = 130, 18, 14
    step, most = width / len(counts), max(1, *counts)
    parts = [f'<svg width="{width}" height="{height + foot + head}" role="img">']
    for n, (count, label) in enumerate(zip(counts, labels)):
        tall = height * count / most
        parts.append(
            f'<rect x="{n * step + 0.5:.1f}" y="{head + height - tall:.1f}" '
            f'width="{step - 1:.1f}" height="{tall:.1f}" fill="#5b8fd6"><title>{count}</title>'
            '</rect>'
        )
        if label:
            parts.append(
                f'<text x="{(n + 0.5) * step:.1f}" y="{head + height + 13}" text-anchor="middle">'
                f'{html.escape(label)}</text>'
            )
    parts.append(f'<text x="0" y="10">{most}</text>')
    if mark is not None:
        x = np.clip(mark, 0, len(counts)) * step
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{head}" y2="{head + height}" '
                     'stroke="#d43d2f" stroke-width="2"/>')  # fmt: skip
    return ''.join([*parts, '</svg>'])


def histogram(name: str, tally: Tally) -> str:
    """Scores of a check with its limit."""
    edges, counts = EDGES[name], tally.histograms[name]
    labels = [''] * len(counts)
    for n in range(0, len(counts), 10):
        labels[n] = f'{edges[n]:.4g}'
    place = (tally.limits[name] - edges[0]) / (edges[1] - edges[0])
    chart = bars(counts.tolist(), labels, mark=float(place))
    return (
        f'<figure>{chart}<figcaption>{name}: {TITLES[name]}, limit {tally.limits[name]:g}; '
        f'{int(counts.sum())} images</figcaption></figure>'
    )


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """An HTML table."""
    rows = [f'<tr>{"".join(f"<th>{html.escape(name)}</th>" for name in head)}</tr>']
    for line in lines:
        rows.append(f'<tr>{"".join(f"<td>{html.escape(str(cell))}</td>" for cell in line)}</tr>')
    return f'<table>{"".join(rows)}</table>'


def thumbnail(content: bytes | None, row: dict[str, Any], text: str) -> Thumb:
    """A small version with the boxes of people."""
    if content is None:
        return Thumb(None, text)
    try:
        header = read_header(content)
        image = decode_small(content, header, THUMB)
    except ReadError:
        return Thumb(None, text)
    scale = THUMB / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes = np.reshape(row['boxes'] or [], (-1, 4)) * image.shape[1] / header.width
    for x1, y1, x2, y2 in boxes.astype(int):
        cv2.rectangle(image, (x1, y1), (x2, y2), (80, 220, 120), 1)
    options = [cv2.IMWRITE_JPEG_QUALITY, 82]
    return Thumb(cv2.imencode('.jpg', image[..., ::-1], options)[1].tobytes(), text)


def sample(paths: Sequence[Path], each: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of some images of each verdict, from some of the units."""
    chance = random.Random(seed)
    rows = defaultdict(list)
    for path in sorted(chance.sample(paths, min(len(paths), each))):
        of_file = defaultdict(list)
        for row in rows_of(path, COLUMNS):
            of_file[row['verdict']].append(row)
        for name, group in of_file.items():
            rows[name] += chance.sample(group, min(each, len(group)))
    return {name: chance.sample(group, min(each, len(group))) for name, group in rows.items()}


def _kept_content(out: Path, row: dict[str, Any]) -> bytes | None:
    path = out / 'images' / row['shard']
    listed = path.with_name(path.name + INDEX_SUFFIX)
    index = ShardIndex.loads(listed.read_bytes(), str(listed))
    place = index.names.index(row['name'])
    with path.open('rb') as file:
        file.seek(index.offsets[place])
        return file.read(index.sizes[place])


def read_contents(
    rows: Sequence[dict[str, Any]], out: Path, pool: str | None, per_unit: int
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Files of sampled images: kept ones from the shards, others from the pool."""
    wanted = defaultdict(dict)
    for row in rows:
        if row['verdict'] == 'kept':
            yield row, _kept_content(out, row)
        else:
            wanted[row['unit']][row['key']] = row
    units = find_units(pool, per_unit) if pool is not None else []
    for unit in units:
        left = wanted.pop(unit.name, {})
        items = read_unit(unit) if left else ()
        for item in items:
            row = left.pop(item.key, None)
            if row is not None:
                yield row, item.content
            if not left:
                break


def make_sheets(
    out: Path, pool: str | None, *, each: int, per_unit: int, seed: int
) -> dict[str, list[Thumb]]:
    """Thumbnails by verdict."""
    picked = sample(sorted((out / 'verdicts').glob('*.parquet')), each, seed)
    rows = [row for name, group in picked.items() if name not in HIDDEN for row in group]
    sheets = defaultdict(list)
    for row, content in read_contents(rows, out, pool, per_unit):
        name = row['verdict']
        text = f'people: {row["people"]}' if name == 'kept' else f'{name} {row["score"]:.3g}'
        sheets[name].append(thumbnail(content, row, f'{row["key"]}: {row["note"] or text}'))
    return sheets


def _sheet(name: str, thumbs: Sequence[Thumb]) -> str:
    figures = []
    for thumb in thumbs:
        shown = f'<div style="width:{THUMB}px;height:60px;background:#ddd"></div>'
        if thumb.image is not None:
            code = base64.b64encode(thumb.image).decode()
            shown = f'<img src="data:image/jpeg;base64,{code}" alt="{html.escape(thumb.text)}">'
        figures.append(f'<figure>{shown}<figcaption>{html.escape(thumb.text)}</figcaption>'
                       '</figure>')  # fmt: skip
    return f'<h3>{name}</h3><div class="row">{"".join(figures)}</div>'


def _yield_cell(line: Yield) -> str:
    most = f' to {line.most}' if line.most > line.least else ''
    return f'{line.limit:.4g}: {line.least}{most}'


def page(out: Path, tally: Tally, settings: dict[str, Any], sheets: dict[str, list[Thumb]]) -> str:
    """The whole page."""
    kept = tally.verdicts['kept']
    people = tally.people.tolist()
    several, known = sum(people[2:]), max(1, sum(people))
    labels = [*map(str, range(MOST_PEOPLE)), f'{MOST_PEOPLE}+']
    lines = [
        (name, came, rejected, f'{rejected / came:.1%}', came - rejected)
        for name, came, rejected in tally.came()
    ]
    others = [(name, *map(_yield_cell, group)) for name, group in tally.yields.items()]
    bad = out / 'bad_units.jsonl'
    units = bad.read_text('utf-8').splitlines() if bad.is_file() else []
    missing = [name for name in ('explicit', 'person', 'text', 'drawing', 'watermark')
               if name not in settings['models']]  # fmt: skip
    parts = [
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{html.escape(out.name)}'
        f'</title><style>{STYLE}</style><h1>{html.escape(out.name)}</h1>',
        f'<p>{kept} of {tally.images} images are kept ({kept / max(1, tally.images):.1%}), '
        f'{tally.kept_bytes / 1e9:.3f} of {tally.bytes / 1e9:.3f} GB.</p>',
        f'<p>Not checked, there is no model: {", ".join(missing)}.</p>' if missing else '',
        *(f'<p>Not read: {html.escape(json.loads(unit)["error"])}</p>' for unit in units),
        '<h2>People per image</h2>',
        bars(people, labels, width=560),
        f'<p>{several} of {sum(people)} kept images ({several / known:.1%}) show several people '
        'with a score above the limit, large or not.</p>',
        '<h2>Yield by check</h2>',
        table(('check', 'came', 'rejected', 'share', 'left'), lines),
        '<h2>Scores</h2><p>Of all images that came to a check; red is the limit.</p>',
        f'<div class="row">{"".join(histogram(name, tally) for name in tally.histograms)}</div>',
        '<h2>Yield at other limits</h2><p>Limit of one check, the others as they are, and images '
        'kept. Those that fail a check are not seen by later ones: at a looser limit the yield '
        'lies between two numbers.</p>',
        table(('check', *(f'{step:g} x' for step in STEPS)), others),
        '<h2>Samples</h2><p>Boxes are those of the detector. Images rejected as explicit or '
        'forbidden are not shown.</p>',
        *(_sheet(name, sheets[name]) for name in ('kept', *ORDER) if name in sheets),
    ]
    return '\n'.join([*parts, '</html>'])


def make_report(
    out: Path, target: Path, pool: str | None, *, each: int = 24, per_unit: int = 1000,
    seed: int = 0,
) -> Tally:  # fmt: skip
    """Write the page.

    Args:
        out (Path): Folder of a run.
        target (Path): The HTML file.
        pool (str | None): The pool, for samples of rejected images.
        each (int): Samples of each verdict, and units that they are from. Defaults to 24.
        per_unit (int): As in the run. Defaults to 1000.
        seed (int): Of the samples. Defaults to 0.
    """
    settings = read_settings(out)
    tally = Tally(settings['limits'])
    paths = sorted((out / 'verdicts').glob('*.parquet'))
    for path in track(paths, 'counting'):
        tally.add_file(path)
    sheets = make_sheets(out, pool, each=each, per_unit=per_unit, seed=seed)
    atomic_write(page(out, tally, settings, sheets).encode(), target)
    return tally


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``report``."""
    add = parser.add_argument
    add('out', type=Path, help='folder of a run')
    add('--pool', help='the pool of the run, for samples of rejected images')
    add('--per-unit', type=int, default=1000, help='as in the run (default: %(default)s)')
    add('--html', type=Path, help='where to write the page (default: OUT/report.html)')
    add('--samples', type=int, default=24, help='images of each verdict (default: %(default)s)')
    add('--seed', type=int, default=0, help='of the samples (default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """The command ``report``."""
    target = args.html or args.out / 'report.html'
    tally = make_report(args.out, target, args.pool, each=args.samples, per_unit=args.per_unit,
                        seed=args.seed)  # fmt: skip
    for name, came, rejected in tally.came():
        print(f'{name:10} {rejected:10} of {came}')
    print(f'{"kept":10} {tally.verdicts["kept"]:10} of {tally.images}\n{target}')
    return 0
