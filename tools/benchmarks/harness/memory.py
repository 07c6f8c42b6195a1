"""Memory of a process and of the machine (Linux)."""

from __future__ import annotations

from pathlib import Path


def status_bytes(name: str) -> int:
    """A figure of this process: 'VmHWM' the peak, 'VmRSS' the present."""
    return _field('/proc/self/status', name)


def available_bytes() -> int:
    """What new processes may use before the machine swaps."""
    return _field('/proc/meminfo', 'MemAvailable')


def reset_peak() -> None:
    """Forget the largest resident set of this process so far."""
    Path('/proc/self/clear_refs').write_text('5')


def _field(path: str, name: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    raise KeyError(f'{path} has no {name}')
