"""Faults of an annotation file for people and for programs."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .faults import FAULT_KINDS, Fault


def format_faults(faults: Sequence[Fault], max_per_kind: int = 3) -> str:
    """A table for the terminal: kind, number, first places.

    Args:
        faults (Sequence[Fault]): All faults.
        max_per_kind (int): Places to show of each kind. Defaults to 3.

    Returns:
        str: Lines, the kinds in the order of :data:`FAULT_KINDS`.
    """
    if not faults:
        return 'no faults'
    counts = Counter(fault.kind for fault in faults)
    lines = [f'faults: {len(faults)}, kinds: {len(counts)}', '']
    lines.append(f'{"kind":24} {"count":>7}  first places')
    for kind in FAULT_KINDS:
        if not counts[kind]:
            continue
        lines.append(f'{kind:24} {counts[kind]:7}  {FAULT_KINDS[kind]}')
        shown = [fault for fault in faults if fault.kind == kind]
        for fault in shown[:max_per_kind]:
            lines.append(f'{"":34}{fault.where}: {fault.message}')
        if counts[kind] > max_per_kind:
            lines.append(f'{"":34}...')
    return '\n'.join(lines)


def write_faults(faults: Sequence[Fault], path: str) -> None:
    """Write all faults as JSON; the name appears when the file is complete.

    Args:
        faults (Sequence[Fault]): All faults.
        path (str): For a list of objects with ``kind``, ``where`` and
            ``message``.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix='.tmp')
    try:
        with open(handle, 'w', encoding='utf-8') as file:
            json.dump([asdict(fault) for fault in faults], file, indent=1)
        os.chmod(name, 0o644)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
