"""What this machine knows about releases."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..core.atomic_files import atomic_write
from ..core.file_type import sha256_of
from .errors import DownloadError
from .paths import cache_dir

MAKE_ROOM = 'make room, or set MMSAPIENS_HOME to a folder elsewhere'


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Errors of the disk say what cannot be written."""
    try:
        yield
    except DownloadError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise DownloadError(f'{name}: cannot be written ({reason}): {MAKE_ROOM}') from None


class Records:
    """``records.json`` in the cache. ``releases`` has the SHA-256, commit and origin of each by its
    key; ``files`` size, time and SHA-256 by path; ``licenses`` those that were shown."""

    def __init__(self) -> None:
        self.path = cache_dir() / 'records.json'

    def get(self, section: str, key: str) -> Any:
        """An entry, or None."""
        return self._read().get(section, {}).get(key)

    def put(self, section: str, key: str, value: Any) -> None:
        """Change an entry; None removes it."""
        with writing(str(self.path)):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix('.lock')):
                document = self._read()
                document.setdefault(section, {})[key] = value
                atomic_write(json.dumps(document, indent=1).encode(), self.path)

    def hash_of(self, path: Path, verify: bool) -> str:
        """SHA-256 of a file, remembered while its size and time stay."""
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
            return dict(json.loads(self.path.read_text(encoding='utf-8')))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise DownloadError(
                f'{self.path}: is damaged ({error}), and without it no download can be compared '
                'with the first one; remove it to start again'
            ) from None
