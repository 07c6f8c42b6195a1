"""Whether a file still has the content that was written to it."""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path

from mmengine.logging import print_log

Checks = dict[str, list[int]]
"""Path, relative to the folder of the results -> size in bytes and CRC-32."""

CHUNK_BYTES = 2**20
DAMAGED_SUFFIX = '.damaged'


def file_check(path: str | os.PathLike[str]) -> list[int]:
    """Size in bytes and CRC-32 of a file.

    Args:
        path (str | Path): The file.

    Raises:
        OSError: If it cannot be read.
    """
    size, crc = 0, 0
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK_BYTES):
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
    return [size, crc]


def _is_whole(path: Path, wanted: list[int]) -> bool:
    try:
        return file_check(path) == wanted
    except OSError:  # the disk cannot read it
        return False


def set_damaged_aside(folder: Path, checks: Checks) -> list[Path]:
    """Take their names from files that have another content than was written.

    Args:
        folder (Path): Of the results.
        checks (Checks): What was written; files that are gone are left out.

    Returns:
        list[Path]: Where the damaged files are, each with ``.damaged`` after its name.
    """
    aside = []
    for name, wanted in checks.items():
        path = folder / name
        if not path.is_file() or _is_whole(path, wanted):
            continue
        aside.append(path.with_name(f'{path.name}{DAMAGED_SUFFIX}'))
        path.replace(aside[-1])
        print_log(
            f'{path} does not have the content that a run wrote which did '
            'not come to its end: it was changed, or damaged when the machine '
            'went down. It is made again when it is asked for; what was there '
            f'is in {aside[-1].name}',
            logger='current',
            level=logging.WARNING,
        )
    return aside
