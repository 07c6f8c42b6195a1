"""What this machine knows about releases: ``records.json`` in the home.

Where no hash of a release is published, the first download records its hash and revision; later
ones, from any mirror, must agree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..core.file_type import sha256_of
from .errors import DownloadError

NAME = 'records.json'


@dataclass(frozen=True)
class Record:
    """A release as it was first seen.

    Args:
        sha256 (str): Of the file.
        bytes (int): Its size.
        revision (str, optional): Commit of its repository; None if the file was found on the disk.
        origin (str): Who vouches for the hash: 'first use', 'hub' for the server's own headers, or
            'table' for :mod:`mmsapiens.zoo`.
        date (str): When it was recorded.
    """

    sha256: str
    bytes: int
    revision: str | None
    origin: str
    date: str


def now() -> str:
    """The time as it is recorded."""
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


class Records:
    """The file ``records.json``.

    Args:
        folder (Path): The home of the package.
        notify (Callable): Told in a line that nothing can be recorded.
    """

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self.path = folder / NAME
        self.notify = notify

    def get(self, key: str) -> Record | None:
        """What is known about a release, by :attr:`Release.key`."""
        entry = self._read()['releases'].get(key)
        return None if entry is None else Record(**entry)

    def put(self, key: str, record: Record) -> None:
        """Record a release."""
        self._update('releases', key, asdict(record))

    def forget(self, key: str) -> None:
        """Record whatever comes next."""
        self._update('releases', key, None)

    def show_once(self, license: str) -> bool:
        """Whether a license was not shown before; it counts as shown."""
        if license in self._read()['licenses_shown']:
            return False
        self._update('licenses_shown', license, now())
        return True

    def hash_of(self, path: Path, afresh: bool = False) -> str:
        """SHA-256 of a file, remembered while its size and time stay.

        Args:
            path (Path): The file.
            afresh (bool): Whether it is read in any case. Defaults to False.
        """
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = self._read()['files'].get(str(path))
        if known and known['stamp'] == stamp and not afresh:
            return str(known['sha256'])
        digest = sha256_of(path)
        self._update('files', str(path), dict(stamp=stamp, sha256=digest))
        return digest

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            text = self.path.read_text(encoding='utf-8')
        except FileNotFoundError:
            text = '{}'
        try:
            document = json.loads(text)
            return {
                name: dict(document.get(name, {}))
                for name in ('releases', 'files', 'licenses_shown')
            }
        except (ValueError, TypeError, AttributeError) as error:
            raise DownloadError(
                f'{self.path}: is damaged ({error}), and without it no '
                'download can be compared with the first one; remove it to '
                'start again'
            ) from None

    def _update(self, section: str, key: str, value: Any) -> None:
        """Change one entry; None removes it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix('.lock')):
                document = self._read()
                if value is None:
                    document[section].pop(key, None)
                else:
                    document[section][key] = value
                partial = self.path.with_suffix('.partial')
                partial.write_text(json.dumps(document, indent=1))
                os.replace(partial, self.path)
        except DownloadError:
            raise
        except OSError as error:
            self.notify(
                f'{self.path}: cannot be written ({error.strerror or error}), '
                'so nothing is remembered; MMSAPIENS_HOME selects another '
                'folder'
            )
