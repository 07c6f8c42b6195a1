"""A file of JSON lines that is only ever appended to."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO


class Journal:
    """Lines survive a kill at any moment; half a line counts as none.

    Several threads may append and sync.

    Args:
        path (Path): The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._synced = 0
        self._writing, self._syncing = threading.Lock(), threading.Lock()

    def read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Place and content of each whole line."""
        if not self.path.is_file():
            return
        place = 0
        with open(self.path, 'rb') as file:
            for line in file:
                content = _parse(line)
                if content is not None:
                    yield place, content
                place += len(line)

    def read_at(self, place: int) -> dict[str, Any]:
        """The line at a place that :meth:`read` gave."""
        with open(self.path, 'rb') as file:
            file.seek(place)
            content = _parse(file.readline())
        if content is None:
            raise ValueError(f'{self.path} has no whole line at {place}')
        return content

    def append(self, content: Mapping[str, Any], sync: bool = False) -> int:
        """Add a line.

        Args:
            content (Mapping[str, Any]): Of JSON types.
            sync (bool): Whether to bring it to the disk, or else only out of this process. Defaults
                to False.

        Returns:
            int: Where it ends, for :meth:`sync`.
        """
        with self._writing:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open('ab')
                if self._file.tell():
                    self._file.write(b'\n')  # ends half a line of a kill
            self._file.write(json.dumps(content).encode() + b'\n')
            self._file.flush()
            end = self._file.tell()
        if sync:
            self.sync(end)
        return end

    def sync(self, end: int) -> None:
        """Bring all lines up to a place to the disk.

        Threads that ask at the same time share one way to the disk.

        Args:
            end (int): Where the last of them ends.
        """
        with self._syncing:
            if self._synced >= end or self._file is None:
                return
            with self._writing:
                reached = self._file.tell()
            os.fsync(self._file.fileno())
            self._synced = reached

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file, self._synced = None, 0


def _parse(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b'\n'):
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
