"""Faults of files, reported to people and to programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from .atomic_files import atomic_write

Track = Callable[[Sequence[Any], str], Iterable[Any]]
"""Passes entries of the named list on, and may show how far it is."""


def no_progress(entries: Sequence[Any], name: str) -> Iterable[Any]:
    """A :data:`Track` that shows nothing."""
    return entries


@dataclass(frozen=True)
class Fault:
    """Something wrong in a file or a folder; subclasses say what there is.

    Attributes:
        KINDS (Mapping[str, str]): Kind of fault -> what it means.
        kind (str): A key of :attr:`KINDS`.
        where (str): The file, or the entry in it.
        message (str): What was expected, and what is there.
    """

    KINDS: ClassVar[Mapping[str, str]] = {}

    kind: str
    where: str
    message: str

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise KeyError(f'`kind` must be one of {list(self.KINDS)}, but got {self.kind!r}')


def format_faults(faults: Sequence[Fault], max_per_kind: int = 3) -> str:
    """A table for the terminal: kind, number, first places.

    Args:
        faults (Sequence[Fault]): All faults, of one class.
        max_per_kind (int): Places to show of each kind. Defaults to 3.

    Returns:
        str: Lines, the kinds in the order of :attr:`Fault.KINDS`.
    """
    if not faults:
        return 'no faults'
    counts = Counter(fault.kind for fault in faults)
    lines = [f'faults: {len(faults)}, kinds: {len(counts)}', '']
    lines.append(f'{"kind":24} {"count":>7}  first places')
    for kind, meaning in faults[0].KINDS.items():
        if not counts[kind]:
            continue
        lines.append(f'{kind:24} {counts[kind]:7}  {meaning}')
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
        path (str): For a list of objects with ``kind``, ``where`` and ``message``.
    """
    text = json.dumps([asdict(fault) for fault in faults], indent=1)
    atomic_write(text.encode(), path)
