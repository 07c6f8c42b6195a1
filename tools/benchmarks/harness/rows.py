"""Rows of the table: what is measured, against what, and what came out."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .clock import clock_of
from .limits import Limits

SIDES = ('inference', 'training')
DEVICES = ('cpu', 'cuda')


@dataclass
class Measurement:
    """One line of the table.

    Args:
        ours (float): What ours takes or reaches.
        unit (str): Of ``ours`` and ``stock``, such as 's' or 'images/s'.
        stock (float, optional): The same of what it is measured against. Defaults to None.
        mode (str): What tells lines of a row apart, such as 'float32'. Defaults to ''.
        higher_is_better (bool): Whether ``ours`` should be large, as a rate. Defaults to False, as
            a time.
        ratio (float, optional): How much better ours is. Defaults to None, computed from ``ours``
            and ``stock``.
        target (float, optional): What ``ratio`` should be. Defaults to None, a line without a
            target.
        at_most (bool): Whether ``ratio`` should be at most ``target``. Defaults to False.
        flops (float, optional): Operations of one call of ours.
        num_bytes (float, optional): Bytes that one call must move.
        seconds (float, optional): Time of one call. Defaults to None, that is ``ours`` where its
            unit is 's'.
        dtype (str): Whose matrix rate is the limit. Defaults to 'float32'.
        error (str): Largest difference to the plain way, with its unit. Defaults to ''.
        first_s (float, optional): Time of the first call, compiling and warming up included.
            Defaults to None.
        note (str): Anything else. Defaults to ''.
    """

    ours: float
    unit: str
    stock: float | None = None
    mode: str = ''
    higher_is_better: bool = False
    ratio: float | None = None
    target: float | None = None
    at_most: bool = False
    flops: float | None = None
    num_bytes: float | None = None
    seconds: float | None = None
    dtype: str = 'float32'
    error: str = ''
    first_s: float | None = None
    note: str = ''

    def __post_init__(self) -> None:
        if self.ratio is None and self.stock is not None and self.ours:
            ratio = self.stock / self.ours
            self.ratio = 1 / ratio if self.higher_is_better else ratio
        if self.seconds is None and self.unit in ('s', 'ms'):
            self.seconds = self.ours * (1e-3 if self.unit == 'ms' else 1)

    def to_dict(self, limits: Limits | None) -> dict[str, Any]:
        """Everything that is not empty, and the share of the limit."""
        share = None
        if limits is not None and self.seconds:
            least = limits.least_seconds(self.flops, self.num_bytes, self.dtype)
            share = least and least / self.seconds
        doc = dict(asdict(self), limit_share=share)
        return {key: value for key, value in doc.items() if value not in (None, '', False)}


@dataclass(frozen=True)
class Settings:
    """How a run measures.

    Args:
        device (str): 'cpu' or 'cuda'. Defaults to 'cpu'.
        threads (int): Of torch and OpenCV. Defaults to 1.
        small (bool): Whether models and images are so small that only the code is tried out.
            Defaults to False.
        repeat (int): Rounds of each comparison. Defaults to 5.
        limits (Limits, optional): Of the device. Defaults to None.
        scratch (Path): Folder for large files.
    """

    device: str = 'cpu'
    threads: int = 1
    small: bool = False
    repeat: int = 5
    limits: Limits | None = None
    scratch: Path = field(default=Path('work_dirs/benchmarks'))

    @property
    def clock(self) -> Callable[[], float]:
        """Of the process where it has one thread, else of the wall."""
        return clock_of(self.device, self.threads)


Run = Callable[[Settings], Iterable[Measurement]]


@dataclass(frozen=True)
class Benchmark:
    """A row: one or more lines that one function measures.

    Args:
        name (str): Short and unique, such as 'load-2b'.
        work (str): What is done.
        against (str): What it is measured against.
        side (str): 'inference' or 'training'.
        devices (tuple[str, ...]): Where it is measured.
        limit_s (float): Seconds after which it is stopped.
        run (Callable): Measures; yields each line when it is known.
    """

    name: str
    work: str
    against: str
    side: str
    devices: tuple[str, ...]
    limit_s: float
    run: Run


_ROWS: dict[str, Benchmark] = {}


def benchmark(
    name: str,
    *,
    work: str,
    against: str,
    side: str,
    devices: tuple[str, ...] = ('cpu',),
    limit_s: float = 120,
) -> Callable[[Run], Run]:
    """Register a function that measures; see :class:`Benchmark`.

    Raises:
        ValueError: If the side or a device is unknown.
        KeyError: If the name is taken.
    """
    if side not in SIDES:
        raise ValueError(f'`side` must be one of {SIDES}, but got {side!r}')
    if not set(devices) <= set(DEVICES):
        raise ValueError(f'`devices` must be of {DEVICES}, but got {devices!r}')

    def register(run: Run) -> Run:
        known = _ROWS.get(name)
        if known is not None and known.run.__module__ != run.__module__:
            raise KeyError(f'the name {name!r} is taken')
        _ROWS[name] = Benchmark(name, work, against, side, devices, limit_s, run)
        return run

    return register


def load_rows(package: str = 'rows') -> dict[str, Benchmark]:
    """Import every module of a package and return the rows by name.

    Args:
        package (str): Its name. Defaults to 'rows', the folder beside this.
    """
    root = importlib.import_module(package)
    for module in sorted(m.name for m in pkgutil.iter_modules(root.__path__)):
        importlib.import_module(f'{package}.{module}')
    return dict(_ROWS)


def select_rows(
    rows: dict[str, Benchmark], device: str, side: str | None = None, only: Iterable[str] = ()
) -> Iterator[Benchmark]:
    """The rows to run.

    Args:
        rows (dict[str, Benchmark]): All.
        device (str): Only those for it.
        side (str, optional): Only those of it. Defaults to None.
        only (Iterable[str]): Names; other rows are left out. Defaults to all.

    Yields:
        Benchmark: In the order in which they were registered.

    Raises:
        KeyError: If a name of ``only`` is unknown.
    """
    only = set(only)
    if unknown := only - set(rows):
        raise KeyError(f'no benchmarks {sorted(unknown)}; there are {sorted(rows)}')
    for row in rows.values():
        if only and row.name not in only:
            continue
        if device in row.devices and side in (None, row.side):
            yield row
