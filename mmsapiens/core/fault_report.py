"""Faults of files, reported to people and to programs."""

import json
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
    """Something wrong ``where`` in a file or folder; subclasses say what ``KINDS`` mean."""

    KINDS: ClassVar[Mapping[str, str]] = {}

    kind: str
    where: str
    message: str

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise KeyError(f'`kind` must be one of {list(self.KINDS)}, but got {self.kind!r}')


def format_faults(faults: Sequence[Fault], max_per_kind: int = 3) -> str:
    """A table for the terminal: each kind of one class of faults, number, first places."""
    if not faults:
        return 'no faults'
    groups = {kind: [fault for fault in faults if fault.kind == kind] for kind in faults[0].KINDS}
    groups = {kind: group for kind, group in groups.items() if group}
    lines = [f'faults: {len(faults)}, kinds: {len(groups)}', '']
    lines.append(f'{"kind":24} {"count":>7}  first places')
    for kind, group in groups.items():
        lines.append(f'{kind:24} {len(group):7}  {faults[0].KINDS[kind]}')
        lines += [f'{"":34}{fault.where}: {fault.message}' for fault in group[:max_per_kind]]
        if len(group) > max_per_kind:
            lines.append(f'{"":34}...')
    return '\n'.join(lines)


def write_faults(faults: Sequence[Fault], path: str) -> None:
    """Write a JSON list of objects with ``kind``, ``where`` and ``message``."""
    atomic_write(json.dumps([asdict(fault) for fault in faults], indent=1).encode(), path)
