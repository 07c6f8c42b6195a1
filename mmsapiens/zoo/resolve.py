"""A file of the user, or else a release."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..core.file_type import fault_of
from .errors import IntegrityError
from .progress import say
from .store import download


def resolve_checkpoint(
    checkpoint: str | os.PathLike[str] | None,
    task: str,
    size: str,
    format: str = 'pth',
    *,
    show_bar: bool | None = None,
    notify: Callable[[str], None] = say,
) -> Path:
    """The file to load for a model.

    Args:
        checkpoint (str | Path, optional): A file or a folder in shards, which is taken as it is;
            None takes the release.
        task (str): As in :func:`find_release`.
        size (str): As in :func:`find_release`.
        format (str): As in :func:`find_release`. Defaults to 'pth'.
        show_bar (bool, optional): As in :func:`download`. Defaults to None.
        notify (Callable): As in :func:`download`.

    Raises:
        FileNotFoundError: If there is no such file.
        IntegrityError: If it is a web page, a Git LFS pointer or empty.
    """
    if checkpoint is None:
        return download(task, size, format, show_bar=show_bar, notify=notify)
    path = Path(checkpoint).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f'`checkpoint` must be a file, but there is none at {path}; '
            'without it the release is downloaded'
        )
    if path.is_file():
        fault = fault_of(path)
        if fault is not None:
            raise IntegrityError(
                f'{path}: is {fault}; for a clone of a repository, `git lfs pull` fetches its files'
            )
    return path
