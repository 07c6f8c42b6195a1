"""Files and folders that appear under their name only when they are whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .disk_sync import sync_to_disk

TMP_SUFFIX = '.partial'
"""End of the names of unfinished files."""


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file beside its place, moved there if the block ends without error.

    Args:
        path (str | Path): Its name; a file there is replaced at once. Its
            folder is made.

    Yields:
        Path: An empty file to write to. It is gone after the block.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f'.{target.name}.', suffix=TMP_SUFFIX
    )
    os.close(handle)
    try:
        yield Path(name)
        sync_to_disk(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    sync_to_disk(target.parent)


def write_whole(content: bytes, path: str | os.PathLike[str]) -> None:
    """Write a file beside its place, then move it there.

    Args:
        content (bytes): For the file.
        path (str | Path): As in :func:`whole_file`.
    """
    with whole_file(path) as partial:
        partial.write_bytes(content)


def move_whole(source: Path, target: Path) -> None:
    """Give a file or folder its final name.

    Args:
        source (Path): Beside its place, complete.
        target (Path): Its name; what is there is replaced.
    """
    if source.is_dir():
        for path in source.rglob('*'):
            sync_to_disk(path)
    sync_to_disk(source)
    if source.is_dir() or target.is_dir():
        remove_path(target)  # a folder cannot be replaced at once
    os.replace(source, target)
    sync_to_disk(target.parent)


def remove_path(path: Path) -> None:
    """Remove a file or folder, if there is one.

    A folder first loses its name, so that half of one is never taken for a
    whole.
    """
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    doomed = path
    if not path.name.endswith(TMP_SUFFIX):
        doomed = path.with_name(f'.{path.name}.removed{TMP_SUFFIX}')
        if doomed.exists():
            shutil.rmtree(doomed)
        path.rename(doomed)
    shutil.rmtree(doomed)
