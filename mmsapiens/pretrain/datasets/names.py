"""Millions of names without a Python object for each."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

CHUNK_BYTES = 1 << 26
NAME_KEYS = ('img_path', 'file_name', 'path')


class NameTable:
    """Names, one behind the other in ``buffer``: UTF-8, uint8, perhaps mapped from a file.

    ``ends`` (int64, increasing) says where each name ends; white space around it does not count.
    """

    def __init__(self, buffer: np.ndarray, ends: np.ndarray) -> None:
        self.buffer = buffer
        self.ends = ends

    @classmethod
    def from_names(cls, names: Iterable[str]) -> NameTable:
        """Copy names into a table, one by one."""
        buffer, ends = bytearray(), array('q')
        for name in names:
            buffer += os.fsencode(name)
            ends.append(len(buffer))
        return cls(np.frombuffer(buffer, dtype=np.uint8), np.array(ends, dtype=np.int64))

    @classmethod
    def from_lines(cls, path: str | Path) -> NameTable:
        """Map a text file with a name in each line, once a machine; empty lines are skipped."""
        size = os.path.getsize(path)
        if size == 0:
            return cls.from_names(())
        buffer = np.asarray(np.memmap(path, dtype=np.uint8, mode='r'))  # its parts are made faster
        starts = range(0, size, CHUNK_BYTES)
        ends = np.concatenate(
            [np.flatnonzero(buffer[start : start + CHUNK_BYTES] == 10) + start for start in starts]
        )
        if buffer[-1] != 10:
            ends = np.append(ends, size)
        if (np.diff(ends, prepend=-1) <= 2).any():  # perhaps empty lines, perhaps '\r'
            return cls.from_names(_lines(path))
        return cls(buffer, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = self.ends[index - 1] if index else 0
        return os.fsdecode(self.buffer[start : self.ends[index]].tobytes().strip())


def _name_of(path: str | Path, entry: Any) -> str:
    name = entry
    if isinstance(entry, dict):
        name = next((entry[key] for key in NAME_KEYS if key in entry), None)
    if isinstance(name, str):
        return name
    raise ValueError(
        f'entries of {path} must be names or objects with one of '
        f'{list(NAME_KEYS)}, but one is {str(entry)[:100]!r}'
    )


def _lines(path: str | Path) -> Iterator[str]:
    with open(path, encoding='utf-8', errors='surrogateescape') as file:
        yield from (name for line in file if (name := line.strip()))


def _json_entries(path: str | Path) -> Iterator[object]:
    with open(path, encoding='utf-8') as file:
        if str(path).endswith('.jsonl'):
            yield from (json.loads(line) for line in file if line.strip())
            return
        content = json.load(file)
    if isinstance(content, dict):
        content = content.get('data_list', content.get('images'))
    if not isinstance(content, list):
        raise ValueError(
            f'{path} must hold a list of images, or an object with `data_list` or `images`'
        )
    yield from content


def iterate_list(path: str | Path) -> Iterator[str]:
    """The names of a list file, one after the other; of text none is kept.

    It is ``.json`` (a list, or the list ``data_list`` or ``images`` of an object), ``.jsonl``, or
    anything else: text, one name per line. Objects have a name as ``img_path``, ``file_name`` or
    ``path``. What is otherwise is a ValueError.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'the list file {path} does not exist')
    if not _is_json(path):
        yield from _lines(path)
        return
    try:
        yield from (_name_of(path, entry) for entry in _json_entries(path))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not valid JSON: {error}') from None


def _is_json(path: str | Path) -> bool:
    return str(path).endswith(('.json', '.jsonl'))


def read_list(path: str | Path) -> NameTable:
    """The names of a list file, as :func:`iterate_list` reads them; text is mapped."""
    if os.path.isfile(path) and not _is_json(path):
        return NameTable.from_lines(path)
    return NameTable.from_names(iterate_list(path))
