"""Tables of results: as text, in a file, and inside a document."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEADER = (
    '| work | mode | ours | stock | ratio | target | share of the limit | '
    'error | first call |\n|---|---|---|---|---|---|---|---|---|'
)


def number(value: float | None, unit: str = '') -> str:
    """Three digits and the unit, or '' for None."""
    if value is None:
        return ''
    size = abs(value)
    if size >= 100:
        text = f'{value:.0f}'
    elif size >= 10:
        text = f'{value:.1f}'
    else:
        text = f'{value:.3g}'
    return f'{text} {unit}'.strip()


def verdict(line: Mapping[str, Any]) -> str:
    """The target of a line, and whether it is reached."""
    target, ratio = line.get('target'), line.get('ratio')
    if target is None:
        return ''
    at_most = line.get('at_most', False)
    sign = '≤' if at_most else '≥'
    if ratio is None:
        return f'{sign} {target:g}'
    is_met = ratio <= target if at_most else ratio >= target
    return f'{sign} {target:g} {"✓" if is_met else "✗"}'


def render_row(row: Mapping[str, Any]) -> list[str]:
    """Lines of a row, in Markdown."""
    work = f'{row["work"]} (`{row["name"]}`), against {row["against"]}'
    if row['status'] != 'ok' and not row['lines']:
        reason = row.get('reason', '').replace('|', '/').replace('\n', ' ')
        return [f'| {work} | {row["status"]}: {reason} | | | | | | | |']
    lines = []
    for line in row['lines']:
        unit = line['unit']
        share = line.get('limit_share')
        mode = line.get('mode', '')
        if note := line.get('note'):
            mode = f'{mode}; {note}' if mode else note
        cells = [
            work,
            mode,
            number(line['ours'], unit),
            number(line.get('stock'), unit),
            number(line.get('ratio')),
            verdict(line),
            '' if share is None else f'{100 * share:.0f} %',
            line.get('error', ''),
            number(line.get('first_s'), 's') if 'first_s' in line else '',
        ]
        lines.append('| ' + ' | '.join(cells) + ' |')
        work = ''
    if row['status'] != 'ok':
        lines.append(f'| | {row["status"]}: {row.get("reason", "")} | | | | | | | |')
    return lines


def render(doc: Mapping[str, Any]) -> str:
    """The whole table of a run, in Markdown, with what it ran on."""
    limits = doc['limits']
    rates = ', '.join(
        f'{rate / 1e12:.3g} TFLOP/s in {dtype}' for dtype, rate in limits['flops_per_s'].items()
    )
    head = (
        f'{limits["device"]}, {limits["threads"]} thread(s), '
        f'{limits["software"]}. Measured in this run: {rates}, '
        f'{limits["bytes_per_s"] / 1e9:.3g} GB/s.'
    )
    lines = [line for row in doc['rows'] for line in render_row(row)]
    return '\n'.join([head, '', HEADER, *lines])


def write_json(doc: Mapping[str, Any], path: Path) -> None:
    """Write results; the file is whole at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(doc, indent=1, ensure_ascii=False) + '\n')
    os.replace(temporary, path)


def merge(
    old: Mapping[str, Any], new: Mapping[str, Any], order: Iterable[str] = ()
) -> dict[str, Any]:
    """Results of a run of some rows put into earlier ones.

    Args:
        old (Mapping): Earlier results.
        new (Mapping): Those that replace rows of the same name; its limits are kept.
        order (Iterable[str]): Names in the order of the table. Defaults to the earlier order, new
            names last.

    Returns:
        dict: Together.
    """
    rows = {row['name']: row for row in old['rows']}
    rows.update((row['name'], row) for row in new['rows'])
    names = [name for name in order if name in rows]
    names += [name for name in rows if name not in names]
    return dict(new, rows=[rows[name] for name in names])


def _marks(name: str) -> tuple[str, str]:
    return f'<!-- table {name} -->', f'<!-- end of {name} -->'


def put_into_document(text: str, name: str, table: str) -> str:
    """Replace the table between two marks of a document.

    Args:
        text (str): The document, with ``<!-- table NAME -->`` and ``<!-- end of NAME -->``.
        name (str): Of the table.
        table (str): What to put there.

    Raises:
        ValueError: If the document has no such marks.
    """
    begin, end = _marks(name)
    if begin not in text or end not in text:
        raise ValueError(f'the document must have {begin} and {end}')
    before, rest = text.split(begin, 1)
    _, after = rest.split(end, 1)
    return f'{before}{begin}\n{table}\n{end}{after}'
