"""A file backend of mmengine whose files are whole or not there."""

from __future__ import annotations

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from ...core.atomic_files import atomic_write, remove_path


class AtomicLocalBackend(LocalBackend):
    """The local disk; a process killed while it writes leaves no file.

    Its name for ``backend_args`` is 'atomic'.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj``; see :func:`atomic_write`."""
        atomic_write(obj, filepath)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write ``obj``; see :func:`atomic_write`."""
        atomic_write(obj.encode(encoding), filepath)

    def rmtree(self, dir_path: str | Path) -> None:
        """Remove a folder; see :func:`remove_path`."""
        remove_path(Path(dir_path))


register_backend('atomic', AtomicLocalBackend, force=True)
