"""What a run writes: verdicts, shards with indexes and their list, settings, state.

``OUT/verdicts/000012.parquet`` is written last and marks unit 12 as done.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmsapiens.core.atomic_files import TMP_SUFFIX, atomic_open, atomic_write
from mmsapiens.core.folder_lock import FolderInUseError, lock_folder
from mmsapiens.io.shards import BLOCK, INDEX_SUFFIX, MANIFEST, Manifest, ShardIndex

SCHEMA = pa.schema(
    [
        ('key', pa.string()),
        ('unit', pa.string()),
        ('url', pa.string()),
        ('license', pa.string()),
        ('sha256', pa.string()),
        ('format', pa.string()),
        ('bytes', pa.int64()),
        ('width', pa.int32()),
        ('height', pa.int32()),
        ('verdict', pa.string()),
        ('score', pa.float32()),
        ('size', pa.float32()),
        ('aspect', pa.float32()),
        ('flat', pa.float32()),
        ('explicit', pa.float32()),
        ('person', pa.float32()),
        ('text', pa.float32()),
        ('drawing', pa.float32()),
        ('watermark', pa.float32()),
        ('people', pa.int16()),
        ('boxes', pa.list_(pa.float32())),
        ('box_scores', pa.list_(pa.float32())),
        ('pdq', pa.binary(32)),
        ('pdq_quality', pa.int16()),
        ('sscd', pa.binary()),
        ('shard', pa.string()),
        ('name', pa.string()),
        ('note', pa.string()),
    ]
)
"""Columns of the verdicts; see ``docs/curation.md`` of mmsapiens."""
SETTINGS = 'curation.json'
VERSION = 1
DIGITS = 6
MAX_NUMBER = 10**DIGITS - 1
ROWS = 1024
"""Rows of a group in a file of verdicts, and in memory."""
COUNTS = b'counts'
"""Key of the counts in the metadata of a file of verdicts."""
BAD_UNITS = 'bad_units.jsonl'
TIMINGS = 'timings.jsonl'
"""What each unit took; nothing depends on it."""
LOCKS = 'locks'
TRIES = 'tries'


class SettingsError(ValueError):
    """A folder belongs to a run with other settings, or is damaged; the message says what to do."""


def unit_name(number: int) -> str:
    """Six digits."""
    return f'{number:0{DIGITS}d}'


def done_path(out: str | Path, number: int) -> Path:
    """The file of verdicts of a unit, which marks it as done."""
    return Path(out, 'verdicts', f'{unit_name(number)}.parquet')


class Shard:
    """A tar file that is written as it grows, under another name until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.index = path, ShardIndex([], [], [])
        self._stack = ExitStack()
        partial = self._stack.enter_context(atomic_open(path))
        self._tar = tarfile.open(partial, 'w')  # noqa: SIM115
        self._stack.enter_context(self._tar)

    def add(self, name: str, content: bytes, facts: Mapping[str, Any] | None = None) -> None:
        """A file and what is known of it."""
        self.index.names.append(name)
        self.index.offsets.append(self._tar.offset + BLOCK)
        self.index.sizes.append(len(content))
        self._add(name, content)
        if facts is not None:
            text = json.dumps(facts, default=str).encode()
            self._add(f'{name.split(".")[0]}.json', text)

    def _add(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)  # no time, no owner: equal bytes each time
        info.size = len(content)
        self._tar.addfile(info, io.BytesIO(content))
        self._tar.members.clear()  # type: ignore[attr-defined]  # or it keeps them all

    def finish(self) -> int:
        """Give it and its index their names, and return its size in bytes."""
        self._stack.close()
        atomic_write(self.index.dumps(), self.path.with_name(self.path.name + INDEX_SUFFIX))
        return self.path.stat().st_size

    def abandon(self, *error: Any) -> None:
        """Leave nothing behind."""
        self._stack.__exit__(*error)


class UnitWriter:
    """What becomes of one unit; in a ``with`` block, after an error of which nothing is left.

    Args:
        out (str | Path): Folder of the run.
        number (int): Of the unit.
        quarantine (str, optional): Folder for explicit images. Defaults to None, they are dropped.
    """

    def __init__(self, out: str | Path, number: int, quarantine: str | None = None) -> None:
        self.number = number
        self._folders = {'images': Path(out, 'images')}
        if quarantine is not None:
            self._folders['quarantine'] = Path(quarantine)
            self._folders['quarantine'].mkdir(parents=True, exist_ok=True, mode=0o700)
        self._shards: dict[str, Shard] = {}
        self._rows: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()
        self._path = done_path(out, number)
        self._stack = ExitStack()

    def __enter__(self) -> UnitWriter:
        partial = self._stack.enter_context(atomic_open(self._path))
        self._verdicts = pq.ParquetWriter(partial, SCHEMA, compression='zstd')
        return self

    def _keep(self, folder: str, row: dict[str, Any], content: bytes, facts: dict) -> None:
        if folder not in self._shards:
            self._shards[folder] = Shard(self._folders[folder] / f'{unit_name(self.number)}.tar')
        shard = self._shards[folder]
        if len(shard.index) >= MAX_NUMBER:
            raise ValueError(
                f'unit {row["unit"]} has more than {MAX_NUMBER} images to keep: names have six '
                'digits for them. Divide the shard.'
            )
        # The suffix is that of the content: readers go by it.
        suffix = SUFFIXES.get(row['format'], '.jpg')
        name = f'{unit_name(self.number)}{unit_name(len(shard.index))}{suffix}'
        if folder == 'images':
            row['shard'], row['name'] = shard.path.name, name
        ours = {k: row[k] for k in ('key', 'unit', 'url', 'license', 'sha256', 'people')}
        shard.add(name, content, {**facts, **{k: v for k, v in ours.items() if v is not None}})

    def add(self, row: dict[str, Any], content: bytes | None, facts: dict[str, Any]) -> None:
        """The next image of the unit, with its verdict."""
        self._counts[row['verdict']] += 1
        if row['verdict'] == 'kept' and content is not None:
            self._keep('images', row, content, facts)
        elif row['verdict'] == 'explicit' and 'quarantine' in self._folders and content is not None:
            self._keep('quarantine', row, content, facts)
        self._rows.append(row)
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        self._verdicts.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
        self._rows.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if error is not None:
            self._abandon(kind, error, trace)
            return
        try:
            self._finish()
        except BaseException:
            self._abandon(*sys.exc_info())
            raise

    def _abandon(self, *error: Any) -> None:
        self._verdicts.is_open = False  # or it would write its end when it is collected
        for shard in self._shards.values():
            shard.abandon(*error)
        self._stack.__exit__(*error)

    def _finish(self) -> None:
        self._flush()
        sizes = {folder: shard.finish() for folder, shard in self._shards.items()}
        note = dict(verdicts=dict(sorted(self._counts.items())), bytes=sizes)
        self._verdicts.add_key_value_metadata({COUNTS: json.dumps(note)})
        self._verdicts.close()
        self._stack.close()


SUFFIXES = {
    'JPEG': '.jpg',
    'MPO': '.jpg',
    'PNG': '.png',
    'WEBP': '.webp',
    'BMP': '.bmp',
    'TIFF': '.tif',
}
"""Format -> suffix in the shards."""


def read_counts(path: Path) -> dict[str, Any]:
    """``verdicts`` (name -> images) and ``bytes`` (of the shards) in the footer of a file.

    ``shard`` is the name of the shard where `remove --erase` has written it anew.
    """
    try:
        return json.loads(pq.read_metadata(path).metadata[COUNTS])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise SettingsError(
            f'{path} is damaged ({error}). Delete it, and start the run again to make it.'
        ) from None


def done_units(out: str | Path) -> list[int]:
    """Numbers of the units that are done, in one look at the folder."""
    with os.scandir(Path(out, 'verdicts')) as entries:
        names = [entry.name for entry in entries if entry.name.endswith('.parquet')]
    return sorted(
        int(stem) for name in names if (stem := name.removesuffix('.parquet')).isdecimal()
    )


def write_manifest(out: str | Path) -> dict[str, int]:
    """List the shards of all units that are done; returns the images by verdict.

    A shard that is not there as it was written is a SettingsError.
    """
    out = Path(out)
    numbers: list[int] = []
    while (now := done_units(out)) != numbers:  # another part of the run may be ending, too
        numbers, totals, manifest = now, Counter(), Manifest([], [])
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(read_counts, [done_path(out, number) for number in numbers])
            for number, counts in zip(numbers, found):
                totals.update(counts['verdicts'])
                if size := counts['bytes'].get('images'):
                    shard = counts.get('shard', f'{unit_name(number)}.tar')
                    _check_shard(out, number, shard, size)
                    manifest.names.append(shard)
                    manifest.counts.append(counts['verdicts']['kept'])
        atomic_write(manifest.dumps(), out / 'images' / MANIFEST)
    if not numbers:
        atomic_write(Manifest([], []).dumps(), out / 'images' / MANIFEST)
        return {}
    return dict(totals)


def _check_shard(out: Path, number: int, shard: str, size: int) -> None:
    path = out / 'images' / shard
    is_whole = path.is_file() and path.stat().st_size == size
    if not is_whole or not path.with_name(path.name + INDEX_SUFFIX).is_file():
        raise SettingsError(
            f'{path} or its index is not there as it was written ({size} bytes). Delete '
            f'{done_path(out, number)}, and start the run again to make both.'
        )


def check_settings(out: Path, settings: Mapping[str, Any], name: str = SETTINGS) -> None:
    """Record the settings, or compare them with those recorded.

    Raises:
        SettingsError: If they differ; the message names each difference.
    """
    path = out / name
    given = json.loads(json.dumps(dict(version=VERSION, **settings)))
    if not path.is_file():
        atomic_write(json.dumps(given, indent=1).encode() + b'\n', path)
        return
    try:
        before = json.loads(path.read_bytes())
    except ValueError as error:
        raise SettingsError(f'{path} is no JSON ({error}). Take another folder.') from None
    if before == given:
        return
    lines = [f'{name}: {old!r}, now {new!r}' for name, old, new in _differences(before, given)]
    raise SettingsError(
        f'{out} was made with other settings:\n  ' + '\n  '.join(lines) + '\nGive the former ones, '
        'or another folder (`--out`). The yield of other limits follows from the verdicts alone: '
        'see `report`.'
    )


def _differences(before: Any, now: Any, name: str = '') -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            inner = f'{name}.{key}' if name else key
            yield from _differences(before.get(key), now.get(key), inner)
    elif before != now:
        yield name, before, now


@contextmanager
def lock_part(out: Path, part: tuple[int, int]) -> Iterator[None]:
    """Hold one of ``part[1]`` parts of a run; nobody else may have it, or divide otherwise."""
    index, count = part
    if not 0 <= index < count:
        raise ValueError(f'`--part` must be I/N with 0 <= I < N, but got {index}/{count}')
    mine = out / LOCKS / f'{index}-of-{count}'
    lock = lock_folder(mine, '--out')
    try:
        for other in sorted((out / LOCKS).iterdir()):
            if not other.name.endswith(f'-of-{count}'):
                try:
                    lock_folder(other, '--out').release()
                except FolderInUseError as error:
                    raise FolderInUseError(
                        f'{out} is used by a run that divides it otherwise, {other.name}: {error}'
                    ) from None
        yield
    finally:
        lock.release()


def remove_leftovers(
    out: Path,
    numbers: Collection[int],
    quarantine: str | None = None,
    *,
    done: Collection[int] = (),
) -> None:
    """What killed workers left of these units, and the record of their tries.

    Nobody else may be writing them. Of units that are ``done`` only unfinished files go.
    """
    folders = [out / 'images', out / 'verdicts', out / TRIES]
    if quarantine is not None and Path(quarantine).is_dir():
        folders.append(Path(quarantine))
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            stem = path.name.lstrip('.').split('.')[0]
            if not stem.isdecimal() or int(stem) not in numbers:
                continue
            if path.name.endswith(TMP_SUFFIX) or int(stem) not in done:
                path.unlink(missing_ok=True)
