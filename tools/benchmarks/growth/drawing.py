"""Images of measured curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt

from .curves import CURVES

PANELS = (
    ('seconds', 'time of a call, s', '#20639b'),
    ('gib', 'memory that a call adds, GiB', '#c0562f'),
)


def draw(doc: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Draw each curve.

    Args:
        doc (Mapping): Figures of ``plot_growth.py``.
        folder (Path): Where images go.

    Yields:
        Path: Of each image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    threads = doc['threads']
    machine = doc['device'] + (f', {threads} thread(s)' if threads else '')
    dtype = 'float32' if threads else 'bfloat16'
    for name, points in doc['curves'].items():
        curve = CURVES[name]
        values = [point['value'] for point in points]
        figure, axes = plt.subplots(1, len(PANELS), figsize=(9, 3.6), layout='constrained')
        for axis, (key, label, color) in zip(axes, PANELS):
            figures = [point[key] for point in points]
            axis.plot(values, figures, 'o-', color=color, lw=2, ms=5)
            for value, number in zip(values, figures):
                axis.annotate(
                    f'{number:.2g}',
                    (value, number),
                    textcoords='offset points',
                    xytext=(0, 7),
                    ha='center',
                    fontsize=8,
                    color='#444444',
                )
            axis.set_xlabel(curve.label)
            axis.set_ylabel(label)
            axis.set_ylim(0, 1.18 * max(figures))
            axis.set_xlim(0, 1.06 * max(values))
            axis.set_xticks(values if len(values) < 4 else _apart(values))
            axis.grid(alpha=0.25)
            axis.spines[['top', 'right']].set_visible(False)
        figure.suptitle(f'{curve.note}\nmodel {doc["size"]}, {dtype}, {machine}', fontsize=10)
        suffix = 'gpu' if not threads else 'cpu'
        path = folder / f'growth_{name}_{suffix}.png'
        figure.savefig(path, dpi=120, metadata={'Software': None})
        plt.close(figure)
        yield path


def _apart(values: list[int]) -> list[int]:
    """Values whose labels do not touch each other."""
    kept: list[int] = []
    for value in reversed(values):
        if not kept or kept[-1] - value > max(values) / 12:
            kept.append(value)
    return kept
