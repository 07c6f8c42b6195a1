"""The released checkpoints: a table in ``releases.json``, and looking up."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FORMATS = ('pth', 'safetensors', 'encoder', 'torchscript', 'bfloat16')
"""A whole model, in two types of file; its encoder alone, of ``pretrain``; a TorchScript archive in
float32; a ``torch.export`` program in bfloat16."""


@dataclass(frozen=True)
class Release:
    """A released file.

    Args:
        task (str): Such as 'pose-308'; 'pretrain' is MAE, 'detector' finds people.
        size (str): Such as '1b'; 'rtmdet-m' of the detector.
        family (str): Of the encoder, 'sapiens' or 'sapiens2'. Defaults to 'sapiens'.
        format (str): One of :data:`FORMATS`.
        repo (str): Repository on the Hugging Face hub; ``path_in_repo`` is its name there.
        license (str): SPDX name, or of a license without one 'LicenseRef-...'.
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
    family: str = 'sapiens'

    @property
    def model(self) -> str:
        """What finds it, beside its task: '1b' of the first family, 'sapiens2-1b' of another."""
        return self.size if self.family == Release.family else f'{self.family}-{self.size}'

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
        return f'{self.task} {self.model} ({self.format})'


def split_model(model: str) -> tuple[str, str]:
    """Family and size in the name of a model; a size alone is of the first family."""
    match = re.fullmatch(r'(?:(sapiens\d*)-)?(.*)', model.lower().replace('_', '-'))
    assert match is not None
    return match[1] or Release.family, match[2]


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


def find_release(task: str, size: str, format: str | None = None) -> Release:
    """Look a release up.

    Args:
        task (str): Such as 'pose-308'.
        size (str): Such as 'sapiens2-1b', 'sapiens-1b' or 'sapiens_1b'; '1b' alone is of the first
            family.
        format (str, optional): One of :data:`FORMATS`. Defaults to None, the first that there is.

    Raises:
        KeyError: If there is none, saying what there is.
    """
    family, short = split_model(size)
    of_task = [row for row in releases() if row.task == task]
    formats = {row.format: row for row in of_task if (row.family, row.size) == (family, short)}
    wanted = format or next((each for each in FORMATS if each in formats), '')
    if wanted in formats:
        return formats[wanted]
    for absent in table()['absent']:
        is_it = absent['task'] == task and absent.get('family', Release.family) == family
        if is_it and absent['size'] in (None, short):
            raise KeyError(
                f'no weights for the task {task!r} at size {size!r}: '
                f'{absent["reason"]}. Train it or pass a file of yours.'
            )
    if not of_task:
        known = sorted({row.task for row in releases()})
        raise KeyError(f'`task` must be one of {known}, but got {task!r}')
    if not formats:
        sizes = list(dict.fromkeys(row.model for row in of_task))
        raise KeyError(f'`size` must be one of {sizes} for the task {task!r}, but got {size!r}')
    raise KeyError(
        f'`format` must be one of {list(formats)} for {task!r} {size!r}, but got {format!r}'
    )
