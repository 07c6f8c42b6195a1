"""A folder for one run at a time."""

import errno
import os
import re
import warnings
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

NAME = '.run.lock'
WORKERS_END_S = 15.0
"""Wait for the workers of a killed process, which inherit its lock and look for it every 5 s."""


class FolderInUseError(RuntimeError, BlockingIOError):
    """Another run holds the folder; the message says which."""


def lock_folder(
    folder: str | Path, option: str = '--work-dir', *, is_singleton: bool = False
) -> BaseFileLock:
    """Hold a folder, made if need be, until the lock is released or the process ends. ``option``
    chooses another one, for the FolderInUseError. With ``is_singleton`` other runs of this process
    may have it, too: for runs that Ctrl-C in a notebook ends without a release."""
    path = Path(folder, NAME).resolve()  # singletons are found by this name
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.read_text(errors='replace').strip() if path.exists() else ''
    lock = FileLock(path, timeout=0, is_singleton=is_singleton)
    try:
        lock.acquire(timeout=WORKERS_END_S if _is_dead(owner) else 0)
    except Timeout:
        if not path.read_text(errors='replace'):  # filelock 3 empties it
            path.write_text(f'{owner}\n')
        raise FolderInUseError(
            f'another run ({owner or "unknown"}) is using the folder {folder}. Wait for its end, '
            f'or give this one another folder (`{option}`).'
        ) from None
    except (NotImplementedError, OSError) as error:
        if getattr(error, 'errno', errno.ENOSYS) not in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
            raise
        warnings.warn(
            f'the file system of {folder} has no locks: nothing keeps another run out of it',
            stacklevel=2,
        )
    path.write_text(f'process {os.getpid()} on {os.uname().nodename}\n')
    return lock


def _is_dead(owner: str) -> bool:
    """Whether the process that held a folder was on this machine and is gone."""
    found = re.fullmatch(r'process (\d+) on (.*)', owner)
    if found is None or found[2] != os.uname().nodename:
        return False
    try:
        os.kill(int(found[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # of somebody else
    return False
