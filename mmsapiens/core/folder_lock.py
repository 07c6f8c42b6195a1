"""A folder for one run at a time."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from pathlib import Path

from mmengine.logging import print_log

NAME = '.run.lock'


class FolderInUseError(RuntimeError, BlockingIOError):
    """Another process holds the folder; the message says which."""


class FolderLock:
    """Holds a folder until it is released or the process ends.

    The lock belongs to the process: workers do not inherit it, and a killed run leaves none. It
    holds on a shared disk as well, if that has locks.

    Args:
        folder (str | Path): Is made if it does not exist.
        option (str): Of the command line, to choose another one; for messages. Defaults to
            '--work-dir'.

    Raises:
        FolderInUseError: If another process holds it.
    """

    def __init__(self, folder: str | Path, option: str = '--work-dir') -> None:
        path = Path(folder, NAME)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.number: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self.number, 100, 0).decode(errors='replace')
            self.release()
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise FolderInUseError(
                    f'another run ({owner.strip() or "unknown"}) is using '
                    f'the folder {folder}. Wait for its end, or give this '
                    f'one another folder (`{option}`).'
                ) from None
            print_log(
                f'{folder} cannot be locked ({error}): take care that no other run uses it',
                logger='current',
                level=logging.WARNING,
            )
            return
        os.truncate(path, 0)
        name = f'process {os.getpid()} on {os.uname().nodename}\n'
        os.pwrite(self.number, name.encode(), 0)

    def release(self) -> None:
        """Let others use the folder."""
        if self.number is not None:
            os.close(self.number)
            self.number = None
