"""Rows: how long it takes until anything happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from harness import Measurement, Settings, alternate, benchmark


def _run(*args: str) -> None:
    environment = dict(os.environ, OMP_NUM_THREADS='1')
    subprocess.run(
        [sys.executable, *args],
        check=True,
        capture_output=True,
        env=environment,
    )


@benchmark(
    'cold-import',
    work='`import mmsapiens` in a new process',
    against='`import mmpose`',
    side='inference',
    devices=('cpu', 'cuda'),
)
def cold_import(settings: Settings) -> Iterator[Measurement]:
    """Interpreter start included on both sides."""
    stock = 'import mmsapiens, mmpose.apis'  # ours makes it importable
    timings = alternate(
        {
            'ours': lambda: _run('-c', 'import mmsapiens'),
            'stock': lambda: _run('-c', stock),
        },
        repeat=2,
    )
    yield Measurement(
        timings['ours'].median,
        's',
        timings['stock'].median,
        first_s=timings['ours'].first_s,
    )


@benchmark(
    'cold-help',
    work='`mmsapiens --help` in a new process',
    against='one second',
    side='inference',
    devices=('cpu', 'cuda'),
)
def cold_help(settings: Settings) -> Iterator[Measurement]:
    """Interpreter start included."""
    timings = alternate(
        {'ours': lambda: _run('-m', 'mmsapiens', '--help')}, repeat=4
    )
    yield Measurement(
        timings['ours'].median,
        's',
        1.0,
        target=1,
        first_s=timings['ours'].first_s,
    )
