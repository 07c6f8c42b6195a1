"""The pool: units of work in tar shards, parquet files, folders and lists, on any file system.

A unit is what one worker reads, judges and commits: a tar file, a row group of a parquet file, or a
slice of a folder or list. Paths are those of fsspec, so that a pool may be on object storage.
"""

from __future__ import annotations

import hashlib
import json
import logging
import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import fsspec
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from mmsapiens.io.listing import is_image_name
from mmsapiens.io.shards import BLOCK

TARS = ('.tar', '.tar.gz', '.tgz')
PARQUET = '.parquet'
LISTS = ('.txt', '.lst', '.jsonl')
BYTES_COLUMNS = ('bytes', 'image', 'jpg', 'png', 'webp', 'content')
"""Columns of a parquet file that may hold images, the first one there is taken."""
PATH_COLUMNS = ('path', 'file_name', 'img_path')
ROWS = 64
"""Rows of a parquet file in memory at a time."""
MAX_BYTES = 200_000_000
"""Larger files are no images: they are judged broken without being read."""
WITHOUT_FACTS = (*BYTES_COLUMNS, 'exif')

logger = logging.getLogger(__name__)


class PoolError(ValueError):
    """The pool, or a unit of it, cannot be read; the message names it and says why."""


@dataclass(frozen=True)
class Unit:
    """What a worker does at a time.

    Args:
        kind (str): 'tar', 'parquet' or 'files'.
        name (str): Relative to the pool, for the verdicts.
        root (str): URL of the pool's folder.
        paths (tuple[str, ...]): Of its files, relative to ``root`` or URLs of their own.
        group (int): Row group of a parquet file. Defaults to 0.
        facts (tuple[dict, ...]): What a list says of each file. Defaults to none.
        beside (tuple[str, ...]): The ``.json`` beside each file, or ''. Defaults to none.
    """

    kind: str
    name: str
    root: str
    paths: tuple[str, ...]
    group: int = 0
    facts: tuple[dict[str, Any], ...] = ()
    beside: tuple[str, ...] = ()

    def dumps(self) -> str:
        """As JSON, in one line."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Unit:
        """From JSON."""
        fields = json.loads(text)
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


@dataclass
class Item:
    """An image of the pool.

    Args:
        key (str): Its name in the pool, without suffix in a tar file.
        suffix (str): In small letters, with its dot.
        content (bytes, optional): The file as it is; None if it cannot be read.
        facts (dict): What the pool says of it, such as ``url`` and ``license``.
        note (str): Why there is no content, or what is odd. Defaults to ''.
    """

    key: str
    suffix: str
    content: bytes | None
    facts: dict[str, Any] = field(default_factory=dict)
    note: str = ''


def join(root: str, path: str) -> str:
    """A path of a pool as a URL or path that fsspec opens."""
    if '://' in path or posixpath.isabs(path):
        return path
    return f'{root.rstrip("/")}/{path}' if root else path


def find_units(pool: str, per_unit: int = 1000) -> list[Unit]:
    """The units of a pool, in the order of their names.

    Args:
        pool (str): A folder, a tar or parquet file, or a list (``.txt`` with a path or URL a line,
            ``.jsonl`` with objects that have a ``path`` or ``url``); a path or a URL of fsspec. Of
            a folder with tar files these are taken, else parquet files, else images.
        per_unit (int): Images of a folder or list in a unit. Defaults to 1000.

    Raises:
        PoolError: If there is nothing to read.
    """
    if per_unit < 1:
        raise PoolError(f'`--per-unit` must be at least 1, but got {per_unit}')
    try:
        files, root = url_to_fs(pool)
        is_folder = files.isdir(root)
        if not is_folder and not files.exists(root):
            raise PoolError(f'the pool {pool} does not exist')
        names = _list(files, root) if is_folder else [posixpath.basename(root)]
    except PoolError:
        raise
    except Exception as error:  # object stores raise whatever their clients do
        raise PoolError(
            f'the pool {pool} cannot be listed: {type(error).__name__}: {error}. Check the address '
            'and the credentials in the environment.'
        ) from error
    folder = pool.rstrip('/') if is_folder else posixpath.dirname(pool)
    if not is_folder and names[0].lower().endswith(LISTS):
        return _units_of_list(pool, folder, per_unit)
    tars = [name for name in names if name.lower().endswith(TARS)]
    if tars:
        stems = {name.split('.tar')[0] for name in tars}
        _warn_of_others(pool, 'tar files', [n for n in names if _is_other(n, TARS, stems)])
        return [Unit('tar', name, folder, (name,)) for name in tars]
    tables = [name for name in names if name.lower().endswith(PARQUET)]
    if tables:
        _warn_of_others(pool, 'parquet files', [n for n in names if _is_other(n, (PARQUET,))])
        return [unit for name in tables for unit in _units_of_table(folder, name)]
    images = [name for name in names if is_image_name(name)]
    if not images:
        raise PoolError(f'the pool {pool} has no tar files, no parquet files and no images')
    there = {name for name in names if name.endswith('.json')}
    beside = [name if (name := _json_of(image)) in there else '' for image in images]
    return [
        Unit(
            'files', f'{start}', folder, tuple(images[start : start + per_unit]),
            beside=tuple(beside[start : start + per_unit]) if there else (),
        )
        for start in range(0, len(images), per_unit)
    ]  # fmt: skip


def _list(files: Any, root: str) -> list[str]:
    prefix = root.rstrip('/') + '/'
    names = (path.removeprefix(prefix) for path in files.find(root))
    return sorted(
        name for name in names if not any(part.startswith('.') for part in name.split('/'))
    )


def _is_other(name: str, taken: Sequence[str], stems: set[str] = frozenset()) -> bool:  # type: ignore[assignment]
    if name.lower().endswith(PARQUET) and not name.lower().endswith(tuple(taken)):
        return name.removesuffix(PARQUET) not in stems  # img2dataset puts a table beside a tar file
    return is_image_name(name) and not name.lower().endswith(tuple(taken))


def _warn_of_others(pool: str, what: str, others: list[str]) -> None:
    if others:
        logger.warning(
            'the pool %s has %s, which are read; %d other files, such as %s, are not. Name them in '
            'a list to read them.', pool, what, len(others), others[0],
        )  # fmt: skip


def _units_of_table(folder: str, name: str) -> list[Unit]:
    path = join(folder, name)
    try:
        with fsspec.open(path, 'rb') as file:
            groups = pq.ParquetFile(file).num_row_groups
    except Exception:  # it is told when the unit is read, and passed over
        groups = 1
    return [Unit('parquet', f'{name}:{group}', folder, (name,), group) for group in range(groups)]


def _units_of_list(path: str, folder: str, per_unit: int) -> list[Unit]:
    names: list[str] = []
    facts: list[dict[str, Any]] = []
    with fsspec.open(path, 'rt', encoding='utf-8') as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            entry: Any = line.strip()
            if path.endswith('.jsonl'):
                try:
                    entry = json.loads(line)
                    names.append(next(entry[key] for key in (*PATH_COLUMNS, 'url') if key in entry))
                except (ValueError, TypeError, StopIteration):
                    raise PoolError(
                        f'line {number} of {path} must be a JSON object with `path` or `url`, but '
                        f'is {line[:80].strip()!r}'
                    ) from None
                facts.append(entry)
            else:
                names.append(entry)
    if not names:
        raise PoolError(f'the list {path} names no images')
    return [
        Unit(
            'files', f'{start}', folder, tuple(names[start : start + per_unit]),
            facts=tuple(facts[start : start + per_unit]),
        )
        for start in range(0, len(names), per_unit)
    ]  # fmt: skip


def digest_of(units: Sequence[Unit]) -> str:
    """SHA-256 of the names of all units and files in their order, wherever the pool is."""
    digest = hashlib.sha256()
    for unit in units:
        digest.update(json.dumps([unit.kind, unit.name, unit.paths, unit.group]).encode())
    return digest.hexdigest()


def read_unit(unit: Unit) -> Iterator[Item]:
    """The images of a unit, one after the other.

    What cannot be read of one image is in its ``note``.

    Raises:
        PoolError: If the unit as a whole cannot be read, also in the middle.
    """
    readers = dict(tar=_read_tar, parquet=_read_table, files=_read_files)
    try:
        yield from readers[unit.kind](unit)
    except PoolError:
        raise
    except Exception as error:  # of archives, tables and the clients of object stores
        raise PoolError(
            f'{join(unit.root, unit.name)} cannot be read: {type(error).__name__}: {error}'
        ) from error


class _Counted:
    """A file that knows how much of it was read, and where the last byte was that is not zero."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size, self.last = file, 0, 0

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        if used := len(content.rstrip(b'\0')):
            self.last = self.size + used
        self.size += len(content)
        return content


def _read_tar(unit: Unit) -> Iterator[Item]:
    path = join(unit.root, unit.paths[0])
    compression = 'gzip' if path.lower().endswith(('.gz', '.tgz')) else None
    with fsspec.open(path, 'rb', compression=compression) as file:
        counted = _Counted(file)
        with tarfile.open(fileobj=counted, mode='r|', bufsize=1 << 20) as tar:  # type: ignore[call-overload]
            yield from _group_members(tar)
            end = tar.offset
        while counted.read(1 << 20):
            pass
        # tarfile ends without an error at a damaged header, and at a file that was cut there.
        if counted.last > end:
            raise PoolError(f'{path} is damaged: there is no header of a file at byte {end}')
        if counted.size < end + BLOCK:
            raise PoolError(f'{path} was cut short: the end of a tar file is missing')


def _group_members(tar: tarfile.TarFile) -> Iterator[Item]:
    """Images with the ``.json`` beside them; members of one key adjoin."""
    key, images, facts, note = None, [], {}, ''
    seen: set[str] = set()

    def finish() -> Iterator[Item]:
        for item in images:
            again = 'another image has this key' if item.key in seen else ''
            seen.add(item.key)
            item.facts, item.note = facts, item.note or note or again
            yield item

    while (member := tar.next()) is not None:
        tar.members.clear()  # type: ignore[attr-defined]  # or it keeps them all
        stem, suffix = posixpath.splitext(member.name)
        if stem != key:
            yield from finish()
            key, images, facts, note = stem, [], {}, ''
        if suffix.lower() == '.json' and member.isfile():
            facts, note = _facts_of(_content(tar, member) or b'')
        elif not is_image_name(member.name) or member.isdir():
            continue
        elif member.isfile():
            content = _content(tar, member)
            reason = '' if content is not None else f'more than {MAX_BYTES} bytes'
            images.append(Item(stem, suffix.lower(), content, note=reason))
        else:
            images.append(Item(stem, suffix.lower(), None, note='a link instead of a file'))
    yield from finish()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    if member.size > MAX_BYTES:
        return None
    file = tar.extractfile(member)
    assert file is not None  # it is a file
    content = file.read()
    if len(content) < member.size:
        raise PoolError(f'{member.name} was cut short: the archive ends before')
    return content


def _facts_of(content: bytes) -> tuple[dict[str, Any], str]:
    try:
        facts = json.loads(content)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        return {}, 'the .json beside it is no JSON object'
    return {name: value for name, value in facts.items() if name not in WITHOUT_FACTS}, ''


def _read_table(unit: Unit) -> Iterator[Item]:
    path = join(unit.root, unit.paths[0])
    with fsspec.open(path, 'rb') as file:
        table = pq.ParquetFile(file, buffer_size=1 << 20)
        columns = table.schema_arrow.names
        content_name = next((name for name in BYTES_COLUMNS if name in columns), None)
        path_name = next((name for name in PATH_COLUMNS if name in columns), None)
        if content_name is None and path_name is None:
            raise PoolError(
                f'{path} must have a column of images ({", ".join(BYTES_COLUMNS)}) or of paths '
                f'({", ".join(PATH_COLUMNS)}), but has {", ".join(columns)}'
            )
        number = 0
        for batch in table.iter_batches(ROWS, row_groups=[unit.group]):
            for row in batch.to_pylist():
                yield _item_of_row(row, number, content_name, path_name, unit.root)
                number += 1


def _item_of_row(
    row: dict[str, Any], number: int, content_name: str | None, path_name: str | None, root: str
) -> Item:
    content = row.get(content_name) if content_name else None
    path = row.get(path_name) if path_name else None
    if isinstance(content, dict):  # as Hugging Face's datasets store images
        content, path = content.get('bytes'), path or content.get('path')
    facts = {
        name: value
        for name, value in row.items()
        if name not in WITHOUT_FACTS and isinstance(value, str | int | float | bool)
    }
    key = str(row['key'] if row.get('key') is not None else path or f'{number:09d}')
    suffix = posixpath.splitext(path or key)[1].lower()
    if isinstance(content, bytes):
        return Item(key, suffix, content, facts)
    if content is None and path:
        content, note = _read_file(join(root, path))
        return Item(key, suffix, content, facts, note)
    what = 'nothing' if content is None else f'{type(content).__name__} instead of bytes'
    return Item(key, suffix, None, facts, f'the row holds {what}')


def _read_file(path: str) -> tuple[bytes | None, str]:
    try:
        with fsspec.open(path, 'rb') as file:
            content = file.read(MAX_BYTES + 1)
    except Exception as error:  # object stores raise whatever their clients do
        return None, f'{type(error).__name__}: {error}'
    return (content, '') if len(content) <= MAX_BYTES else (None, f'more than {MAX_BYTES} bytes')


def _read_files(unit: Unit) -> Iterator[Item]:
    failed = 0
    for number, name in enumerate(unit.paths):
        path = join(unit.root, name)
        content, note = _read_file(path)
        failed += content is None
        if failed == len(unit.paths):
            raise PoolError(f'none of the {failed} files of unit {unit.name} can be read: {note}')
        facts = unit.facts[number] if unit.facts else {}
        if content is not None and unit.beside and unit.beside[number]:
            beside, _ = _read_file(join(unit.root, unit.beside[number]))
            facts, note = _facts_of(beside or b'')
        yield Item(name, posixpath.splitext(name)[1].lower(), content, facts, note)


def _json_of(path: str) -> str:
    """The file that img2dataset writes beside an image."""
    return posixpath.splitext(path)[0] + '.json'
