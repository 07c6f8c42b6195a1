"""A folder for one run at a time."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

NAME = '.run.lock'


class FolderInUseError(RuntimeError, BlockingIOError):
    """Another run holds the folder; the message says which."""


def lock_folder(
    folder: str | Path, option: str = '--work-dir', *, is_singleton: bool = False
) -> BaseFileLock:
    """Hold a folder until the lock is released or the process ends.

    A killed run leaves a file, but no lock.

    ``folder`` is made if it does not exist; ``option`` chooses another one, for the
    FolderInUseError. With ``is_singleton`` other runs of this process may have it, too: for runs
    that Ctrl-C in a notebook ends without a release.
    """
    path = Path(folder, NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.read_text(errors='replace').strip() if path.exists() else ''
    lock = FileLock(path, timeout=0, is_singleton=is_singleton)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUseError(
            f'another run ({owner or "unknown"}) is using the folder {folder}. Wait for its end, '
            f'or give this one another folder (`{option}`).'
        ) from None
    path.write_text(f'process {os.getpid()} on {os.uname().nodename}\n')
    return lock
