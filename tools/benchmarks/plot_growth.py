#!/usr/bin/env python
"""Measure and draw how time and memory grow; one image for each cause.

Figures go to a file, so that images can be drawn again without measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness.limits import device_name
from harness.table import write_json

ROOT = Path(__file__).resolve().parents[2]


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every curve; each point is written when it is known."""
    import torch
    from growth.curves import CURVES, Bench

    torch.set_num_threads(args.threads)
    bench = Bench(args.size, args.device, args.repeat)
    doc: dict[str, Any] = dict(
        size=args.size,
        device=device_name(args.device),
        threads=args.threads if args.device == 'cpu' else None,
        curves={},
    )
    if args.only and args.json.is_file():  # keep the other curves
        old = json.loads(args.json.read_text(encoding='utf-8'))
        doc['curves'] = old['curves']
    for name, curve in CURVES.items():
        if args.only and name not in args.only:
            continue
        points = doc['curves'][name] = []
        for value in curve.values[: 2 if args.small else None]:
            work = curve.prepare(bench, value)
            points.append(dict(value=value, **bench.measure(work)))
            print(name, json.dumps(points[-1]), flush=True)
            write_json(doc, args.json)
    return doc


def main(argv: list[str] | None = None) -> int:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', default='tiny', help='of the model')
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--only', nargs='+', help='curves; others stay')
    parser.add_argument('--small', action='store_true', help='two points each')
    parser.add_argument('--json', type=Path, default=ROOT / 'docs/benchmarks/growth/cpu.json')
    parser.add_argument('--draw-only', action='store_true', help='from the file of --json')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs/images/benchmarks')
    args = parser.parse_args(argv)
    doc = json.loads(args.json.read_text(encoding='utf-8')) if args.draw_only else measure(args)
    from growth.drawing import draw

    for path in draw(doc, args.out):
        print(path)
    return 0


if __name__ == '__main__':
    sys.exit(main())
