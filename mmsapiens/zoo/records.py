"""What this machine knows about releases: ``records.json`` in the cache.

Where no hash of a release is published, the first download records its hash and commit; later
ones, from any mirror, must agree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..core.atomic_files import atomic_write
from ..core.file_type import sha256_of
from .cache import cache_dir
from .errors import DownloadError


class Records:
    """The sections of ``records.json``, each from a key to a value of JSON.

    ``releases`` has the SHA-256, commit and origin of each release by its key; ``files`` the size,
    time and SHA-256 of files by their path; ``licenses`` those that were shown.
    """

    def __init__(self) -> None:
        self.path = cache_dir() / 'records.json'

    def get(self, section: str, key: str) -> Any:
        """An entry, or None."""
        return self._read().get(section, {}).get(key)

    def put(self, section: str, key: str, value: Any) -> None:
        """Change an entry; None removes it.

        Raises:
            DownloadError: If the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix('.lock')):
                document = self._read()
                document.setdefault(section, {})[key] = value
                atomic_write(json.dumps(document, indent=1).encode(), self.path)
        except DownloadError:
            raise
        except OSError as error:
            raise DownloadError(
                f'{self.path}: cannot be written ({error.strerror or error}); set '
                'MMSAPIENS_HOME to a folder elsewhere'
            ) from None

    def hash_of(self, path: Path, verify: bool = False) -> str:
        """SHA-256 of a file, remembered while its size and time stay.

        Args:
            path (Path): The file.
            verify (bool): Whether it is read in any case. Defaults to False.
        """
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = self.get('files', str(path))
        if known and known[:2] == stamp and not verify:
            return str(known[2])
        digest = sha256_of(path)
        self.put('files', str(path), [*stamp, digest])
        return digest

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            document: dict[str, dict[str, Any]] = json.loads(self.path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise DownloadError(
                f'{self.path}: is damaged ({error}), and without it no download can be compared '
                'with the first one; remove it to start again'
            ) from None
        return document
