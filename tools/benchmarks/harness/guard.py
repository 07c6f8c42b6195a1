"""Which ratios fell against a committed table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TOLERANCE = 0.1


def _ratios(doc: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (row['name'], line.get('mode', '')): line
        for row in doc['rows']
        for line in row['lines']
        if line.get('ratio') is not None
    }


def falls(
    committed: Mapping[str, Any], measured: Mapping[str, Any], tolerance: float = TOLERANCE
) -> Iterator[str]:
    """Say what got worse.

    Args:
        committed (Mapping): Earlier results.
        measured (Mapping): Those of this run.
        tolerance (float): Share of a ratio that may be lost. Defaults to
            0.1.

    Yields:
        str: One sentence for each line that fell or was not measured.
    """
    before, after = _ratios(committed), _ratios(measured)
    reasons = {
        row['name']: f'{row["status"]}: {row.get("reason", "")}'
        for row in measured['rows']
        if row['status'] != 'ok'
    }
    for (name, mode), line in before.items():
        where = f'{name}, {mode}' if mode else name
        now = after.get((name, mode))
        if now is None:
            reason = reasons.get(name, 'it was not measured')
            yield f'{where}: was {line["ratio"]:.3g}, no ratio now ({reason})'
            continue
        change = now['ratio'] / line['ratio'] - 1
        if line.get('at_most'):
            change = -change
        if change < -tolerance:
            yield (
                f'{where}: {line["ratio"]:.3g} became {now["ratio"]:.3g}, '
                f'{-100 * change:.0f} % worse'
            )
