"""Files and folders that appear under their name only when they are whole."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TMP_SUFFIX = '.partial'  # End of the names of unfinished files
_RANDOM = '.????????'  # What :mod:`tempfile` puts before it


@contextmanager
def atomic_open(path: str | os.PathLike[str], *, is_durable: bool = True) -> Iterator[Path]:
    """A file beside its place, moved there if the block ends without error.

    Args:
        path (str | Path): Its name; a file there is replaced at once. Its folder is made.
        is_durable (bool): Whether to fsync before the block ends; without, a power failure soon
            after may damage the file. Defaults to True.

    Yields:
        Path: An empty file to write to. It is gone after the block.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f'.{target.name}.', suffix=TMP_SUFFIX)
    os.close(handle)
    try:
        yield Path(name)
        if is_durable:
            _sync(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    if is_durable:
        _sync(target.parent)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of a file, or below a folder where nobody is writing."""
    pattern = f'{"" if path.is_dir() else glob.escape(path.name)}{_RANDOM}{TMP_SUFFIX}'
    found = path.rglob(f'.*{pattern}') if path.is_dir() else path.parent.glob(f'.{pattern}')
    for partial in found:
        if partial.is_file():
            partial.unlink()


def atomic_write(content: bytes, path: str | os.PathLike[str], *, is_durable: bool = True) -> None:
    """Write ``content`` as :func:`atomic_open` says."""
    with atomic_open(path, is_durable=is_durable) as partial:
        partial.write_bytes(content)


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)  # or it may be lost when the power fails
    finally:
        os.close(number)


def move_whole(source: Path, target: Path) -> None:
    """Give a complete file or folder its final name beside it; what is there is replaced."""
    for path in (*source.rglob('*'), source):
        _sync(path)
    if source.is_dir() or target.is_dir():
        remove_path(target)  # a folder cannot be replaced at once
    os.replace(source, target)
    _sync(target.parent)


def remove_path(path: Path) -> None:
    """Remove what is there; a folder first loses its name, so that half of one has none."""
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
