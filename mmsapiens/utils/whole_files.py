"""Files and folders that appear under their name only when they are whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TMP_SUFFIX = '.partial'
"""End of the names of unfinished files."""


@contextmanager
def whole_file(
    path: str | os.PathLike[str], *, keep_name: bool = True
) -> Iterator[Path]:
    """A file beside its place, moved there if the block ends without error.

    Args:
        path (str | Path): Its name; a file there is replaced at once. Its
            folder is made.
        keep_name (bool): Whether to bring the name to the disk as well as
            the content. Without, a power failure soon after may undo the
            move, which is for files that would be made again, and takes half
            the time. Defaults to True.

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
        _sync(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    if keep_name:
        _sync(target.parent)


def write_whole(
    content: bytes, path: str | os.PathLike[str], *, keep_name: bool = True
) -> None:
    """Write a file beside its place, then move it there.

    Args:
        content (bytes): For the file.
        path (str | Path): As in :func:`whole_file`.
        keep_name (bool): Likewise. Defaults to True.
    """
    with whole_file(path, keep_name=keep_name) as partial:
        partial.write_bytes(content)


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)  # or it may be lost when the power fails
    finally:
        os.close(number)


def move_whole(source: Path, target: Path) -> None:
    """Give a file or folder its final name.

    Args:
        source (Path): Beside its place, complete.
        target (Path): Its name; what is there is replaced.
    """
    if source.is_dir():
        for path in source.rglob('*'):
            _sync(path)
    _sync(source)
    if source.is_dir() or target.is_dir():
        remove_path(target)  # a folder cannot be replaced at once
    os.replace(source, target)
    _sync(target.parent)


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
