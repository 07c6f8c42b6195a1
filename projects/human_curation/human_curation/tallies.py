"""What a report counts in the verdicts, a file after the other, however many there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .checks import ORDER
from .evaluation import passes

MOST_PEOPLE = 10
"""Images with as many people or more are counted together."""
EDGES = {
    'size': np.linspace(0, 2000, 41), 'aspect': np.linspace(1, 6, 51),
    'flat': np.linspace(0, 1, 41), 'explicit': np.linspace(0, 1, 41),
    'person': np.linspace(0, 1, 41), 'text': np.linspace(0, 0.2, 41),
    'drawing': np.linspace(0, 1, 41), 'watermark': np.linspace(0, 1, 41),
}  # fmt: skip
"""Ranges of the scores, lower ends included; what lies outside counts in the first or last one."""
COLUMNS = ('verdict', 'people', 'bytes', *EDGES)
STEPS = (0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5)
"""Other limits of which the yield is told, times the limit of the run."""


@dataclass
class Yield:
    """Images left at another limit of one check.

    Args:
        limit (float): The limit.
        least (int): Images that are kept for certain.
        most (int): With those that fail this check now and were not seen by the later ones.
    """

    limit: float
    least: int = 0
    most: int = 0


@dataclass
class Tally:
    """Counts of verdicts.

    Args:
        limits (dict[str, float]): Of the run.
        verdicts (Counter): Images by verdict.
        people (NDArray): Kept images with 0, 1, ... people, the last one with more.
        histograms (dict[str, NDArray]): Images by score, of :data:`EDGES`.
        yields (dict[str, list[Yield]]): Of each check of which scores came.
        bytes (int): Of all images.
        kept_bytes (int): Of those kept.
    """

    limits: dict[str, float]
    verdicts: Counter[str] = field(default_factory=Counter)
    people: NDArray[np.int64] = field(default_factory=lambda: np.zeros(MOST_PEOPLE + 1, np.int64))
    histograms: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    yields: dict[str, list[Yield]] = field(default_factory=dict)
    bytes: int = 0
    kept_bytes: int = 0

    @property
    def images(self) -> int:
        """All images."""
        return sum(self.verdicts.values())

    def came(self) -> list[tuple[str, int, int]]:
        """Name of each check that rejected images, how many came to it and how many it rejected."""
        left, lines = self.images, []
        for name in ORDER:
            if self.verdicts[name]:
                lines.append((name, left, self.verdicts[name]))
                left -= self.verdicts[name]
        return lines

    def add_file(self, path: Path) -> None:
        """Count a file of verdicts."""
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(COLUMNS)):
                self.add(batch)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count some rows."""
        columns = {name: batch.column(name) for name in COLUMNS}
        counts = pc.value_counts(columns['verdict']).to_pylist()
        self.verdicts.update({entry['values']: entry['counts'] for entry in counts})
        is_kept = _equals(columns['verdict'], 'kept')
        sizes = pc.fill_null(columns['bytes'], 0).to_numpy()
        self.bytes += int(sizes.sum())
        self.kept_bytes += int(sizes[is_kept].sum())
        people = pc.fill_null(columns['people'], -1).to_numpy()[is_kept]
        self.people += np.bincount(
            people[people >= 0].clip(max=MOST_PEOPLE), minlength=MOST_PEOPLE + 1
        )
        for name, edges in EDGES.items():
            scores = columns[name].to_numpy(zero_copy_only=False).astype(np.float64)
            if not np.isnan(scores).all():
                is_failed = _equals(columns['verdict'], name)
                self._add_scores(name, edges, scores, is_kept, is_failed)

    def _add_scores(
        self, name: str, edges: NDArray, scores: NDArray, is_kept: NDArray, is_failed: NDArray
    ) -> None:
        seen = scores[~np.isnan(scores)].clip(edges[0], np.nextafter(edges[-1], 0))
        before = self.histograms.get(name, 0)
        self.histograms[name] = before + np.histogram(seen, edges)[0]
        if name not in self.yields:
            self.yields[name] = [Yield(self.limits[name] * step) for step in STEPS]
        for line in self.yields[name]:
            for group, is_certain in ((scores[is_kept], True), (scores[is_failed], False)):
                count = sum_passing(name, group, line.limit)
                line.least += count * is_certain
                line.most += count


def _equals(column: pa.Array, value: str) -> NDArray[np.bool_]:
    return pc.equal(column, value).to_numpy(zero_copy_only=False)


def sum_passing(name: str, scores: NDArray, limit: float) -> int:
    """How many scores of a check stay at a limit."""
    return int(np.sum(passes(name, scores, limit)))


def rows_of(path: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of a file of verdicts."""
    return pq.read_table(path, columns=columns).to_pylist()
