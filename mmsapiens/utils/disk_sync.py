"""Bringing files to the disk, those of many threads together."""

from __future__ import annotations

import ctypes
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass
class _Ticket:
    """A file that waits.

    Args:
        number (int): Its descriptor.
        is_done (bool): Whether the disk has answered. Defaults to False.
        error (OSError, optional): What it answered.
    """

    number: int
    is_done: bool = False
    error: OSError | None = None


class SyncQueue:
    """Brings files of one file system to the disk, in as few waits as it can.

    A disk takes about as long for one file as for a hundred. A thread that
    comes while it works therefore waits, and the next one to start takes
    along all that have gathered. A file that comes alone is brought alone, so
    that nothing else on the file system is waited for.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._is_busy = False

    def sync(self, number: int) -> None:
        """Return once the file is on the disk.

        Args:
            number (int): Its open descriptor.

        Raises:
            OSError: If the disk could not take it.
        """
        ticket = _Ticket(number)
        with self._changed:
            self._waiting.append(ticket)
            while self._is_busy and not ticket.is_done:
                self._changed.wait()
            if not ticket.is_done:
                self._is_busy = True
                batch, self._waiting = self._waiting, []
        if not ticket.is_done:
            self._take(batch)
        if ticket.error is not None:
            raise ticket.error

    def _take(self, batch: list[_Ticket]) -> None:
        try:
            _sync_all(batch)
        finally:
            with self._changed:
                # After an interrupt, another thread takes the others along.
                left = [each for each in batch if not each.is_done]
                self._waiting = left + self._waiting
                self._is_busy = False
                self._changed.notify_all()


def _sync_all(batch: Sequence[_Ticket]) -> None:
    together = _syncfs() if len(batch) > 1 else None
    if together is not None and together(batch[0].number) == 0:
        for ticket in batch:
            ticket.is_done = True
        return
    # It does not say which file it could not bring: each is asked for.
    for ticket in batch:
        try:
            os.fsync(ticket.number)
        except OSError as error:
            ticket.error = error
        ticket.is_done = True


@cache
def _syncfs() -> Callable[[int], int] | None:
    """The call of Linux for a whole file system; None elsewhere."""
    return getattr(ctypes.CDLL(None), 'syncfs', None)


_QUEUES: defaultdict[int, SyncQueue] = defaultdict(SyncQueue)
_LOCK = threading.Lock()


def sync_to_disk(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk.

    What is only in memory may be lost when the power fails.

    Args:
        path (Path): It must exist.

    Raises:
        OSError: If the disk could not take it.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        with _LOCK:
            queue = _QUEUES[os.fstat(number).st_dev]
        queue.sync(number)
    finally:
        os.close(number)
