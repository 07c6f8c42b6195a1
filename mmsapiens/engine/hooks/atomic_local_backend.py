"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

TMP_SUFFIX = '.partial'


def write_whole(content: bytes, path: str | Path) -> None:
    """Write a file beside its place, then move it there.

    Args:
        content (bytes): For the file.
        path (str | Path): Its name; a file there is replaced at once. Its
            folder is made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f'.{target.name}.', suffix=TMP_SUFFIX
    )
    try:
        with open(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or the name may be lost when the power fails
    finally:
        os.close(folder)


class AtomicLocalBackend(LocalBackend):
    """The local disk; a process killed while it writes leaves no file.

    Its name for ``backend_args`` is 'atomic'.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj``; see :func:`write_whole`."""
        write_whole(obj, filepath)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write ``obj``; see :func:`write_whole`."""
        write_whole(obj.encode(encoding), filepath)


register_backend('atomic', AtomicLocalBackend, force=True)
