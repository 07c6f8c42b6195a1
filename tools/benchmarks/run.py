#!/usr/bin/env python
"""Measure our work against stock and the device; print one table.

With `--guard FILE` the ratios are measured again, and the command ends with 1 if one of them fell
by more than a tenth against the table in the file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from harness.guard import TOLERANCE, falls
from harness.rows import SIDES, Settings, load_rows, select_rows
from harness.table import HEADER, merge, put_into_document, render, render_row, write_json
from harness.worker import Worker

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / 'docs/benchmarks.md'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', nargs='+', default=[], help='names of rows')
    parser.add_argument('--side', choices=SIDES, help='only this side')
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--threads', type=int, default=os.cpu_count(), help='of the CPU')
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--json', type=Path, help='write the results here')
    parser.add_argument(
        '--update', action='store_true', help='keep the other rows that the file of --json has'
    )
    parser.add_argument(
        '--document',
        action='store_true',
        help='also put the table of --json into docs/benchmarks.md',
    )
    parser.add_argument(
        '--render',
        type=Path,
        metavar='FILE',
        help='only put the table of this file into docs/benchmarks.md',
    )
    parser.add_argument('--guard', type=Path, help='a table to compare with')
    parser.add_argument('--tolerance', type=float, default=TOLERANCE)
    parser.add_argument('--budget', type=float, help='seconds; no row starts after them')
    parser.add_argument('--small', action='store_true', help='try the code out, tiny sizes')
    parser.add_argument('--scratch', type=Path, default=ROOT / 'work_dirs/benchmarks')
    parser.add_argument('--list', action='store_true', help='print the rows')
    args = parser.parse_args(argv)
    if args.document and args.json is None:
        parser.error('`--document` needs `--json`')
    return args


def measure(args: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    """Run the rows; print and write each as soon as it is known."""
    rows = load_rows()
    settings = Settings(
        device=args.device,
        threads=args.threads,
        small=args.small,
        repeat=args.repeat,
        scratch=args.scratch,
    )
    args.scratch.mkdir(parents=True, exist_ok=True)
    old = {}
    if args.json and args.update and args.json.is_file():
        old = json.loads(args.json.read_text())
    worker = Worker(settings)
    begin = time.monotonic()
    doc: dict[str, Any] = dict(small=args.small, rows=[])
    doc['limits'] = worker.start().to_dict()
    print(HEADER, flush=True)
    try:
        for name in names:
            row = rows[name]
            result: dict[str, Any] = dict(name=name, work=row.work, against=row.against, lines=[])
            start = time.monotonic()
            left = (args.budget or float('inf')) - (start - begin)
            if left <= 0:
                status, reason = 'left out', 'no time was left'
            else:
                status, reason = worker.run(name, min(left, row.limit_s), result['lines'].append)
            result.update(status=status, reason=reason)
            result['took_s'] = round(time.monotonic() - start, 1)
            doc['rows'].append(result)
            print('\n'.join(render_row(result)), flush=True)
            if args.json:
                whole = merge(old, doc, rows) if old else doc
                write_json(whole, args.json)
    finally:
        worker.close()
    return merge(old, doc, rows) if old else doc


def render_into_document(file: Path) -> None:
    """Put the table of a file of results into the document."""
    doc = json.loads(file.read_text(encoding='utf-8'))
    text = DOCUMENT.read_text(encoding='utf-8')
    text = put_into_document(text, file.stem, render(doc))
    DOCUMENT.write_text(text, encoding='utf-8')


def main(argv: list[str] | None = None) -> int:
    """Measure, print, compare."""
    args = parse_args(argv)
    if args.render:
        render_into_document(args.render)
        return 0
    rows = load_rows()
    chosen = list(select_rows(rows, args.device, args.side, args.only))
    if args.list:
        for row in chosen:
            print(f'{row.name:28} {row.side:10} {row.work}')
        return 0
    committed = json.loads(args.guard.read_text()) if args.guard else None
    if committed is not None and not args.only:
        known = {row['name'] for row in committed['rows']}
        chosen = [row for row in chosen if row.name in known]
    doc = measure(args, [row.name for row in chosen])
    print('\n' + render(doc), flush=True)
    if args.document:
        render_into_document(args.json)
    if committed is None:
        return 0
    names = {row.name for row in chosen}
    committed['rows'] = [r for r in committed['rows'] if r['name'] in names]
    fallen = list(falls(committed, doc, args.tolerance))
    print('\n'.join(fallen) or 'no ratio fell')
    return int(bool(fallen))


if __name__ == '__main__':
    sys.exit(main())
