"""The released checkpoints: a table in ``releases.json``, and looking up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FORMATS = ('pth', 'encoder', 'torchscript', 'bfloat16')
"""A whole model; its encoder alone, of ``pretrain``; a TorchScript archive in float32; a
``torch.export`` program in bfloat16."""


@dataclass(frozen=True)
class Release:
    """A released file.

    Args:
        task (str): Such as 'pose-308'; 'pretrain' is MAE, 'detector' finds people.
        size (str): Such as '1b'; 'rtmdet-m' of the detector.
        format (str): One of :data:`FORMATS`.
        repo (str): Repository on the Hugging Face hub; ``path_in_repo`` is its name there.
        license (str): SPDX name.
        reported_metric (Mapping, optional): What its authors report, with the dataset.
        note (str, optional): What else is known.
        revision (str, optional): Commit of the repository; None is the newest at the first use.
        sha256 (str, optional): None if it is not published, as ``bytes``.
    """

    task: str
    size: str
    format: str
    repo: str
    path_in_repo: str
    license: str
    reported_metric: Mapping[str, Any] | None = None
    note: str | None = None
    revision: str | None = None
    sha256: str | None = None
    bytes: int | None = None

    @property
    def file(self) -> str:
        """Name of the file without its folder."""
        return self.path_in_repo.rpartition('/')[2]

    @property
    def key(self) -> str:
        """Its name among all repositories."""
        return f'{self.repo}/{self.path_in_repo}'

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        revision = self.revision or 'main'
        return f'https://huggingface.co/{self.repo}/resolve/{revision}/{self.path_in_repo}'

    def __str__(self) -> str:
        return f'{self.task} {self.size} ({self.format})'


@cache
def table() -> dict[str, Any]:
    """The content of ``releases.json``."""
    path = Path(__file__).with_name('releases.json')
    document: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    return document


@cache
def releases() -> tuple[Release, ...]:
    """Every released file."""
    return tuple(Release(**row) for row in table()['releases'])


def find_release(task: str, size: str, format: str = 'pth') -> Release:
    """Look a release up.

    Args:
        task (str): Such as 'pose-308'.
        size (str): Such as '1b'; 'sapiens-1b' and 'sapiens_1b' also do.
        format (str): One of :data:`FORMATS`. Defaults to 'pth'.

    Raises:
        KeyError: If there is none, saying what there is.
    """
    short = size.lower().removeprefix('sapiens').lstrip('-_')
    of_task = [row for row in releases() if row.task == task]
    formats = {row.format: row for row in of_task if row.size == short}
    if format in formats:
        return formats[format]
    for absent in table()['absent']:
        if absent['task'] == task and absent['size'] in (None, short):
            raise KeyError(
                f'no weights for the task {task!r} at size {short!r}: '
                f'{absent["reason"]}. Train it or pass a file of yours.'
            )
    if not of_task:
        known = sorted({row.task for row in releases()})
        raise KeyError(f'`task` must be one of {known}, but got {task!r}')
    if not formats:
        sizes = list(dict.fromkeys(row.size for row in of_task))
        raise KeyError(f'`size` must be one of {sizes} for the task {task!r}, but got {size!r}')
    raise KeyError(
        f'`format` must be one of {list(formats)} for {task!r} {short!r}, but got {format!r}'
    )
