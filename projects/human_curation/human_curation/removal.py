"""Leave images out on request: by their URL, SHA-256, or key in the pool.

Requests are lines of text files: a URL, 64 hexadecimal digits, or a key or name. All images that
they mean are added to OUT/images/left_out.txt, and with them their near copies, if `copies` was
run. OUT/images/subset.txt, for `subset_file`, is unique.txt (or all names) without them. A request
that means none is told: perhaps the image was never kept. The shards stay as they are, unless they
are to be written anew without these images: `--erase`.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsapiens.core.atomic_files import atomic_open
from mmsapiens.io.shards import INDEX_SUFFIX, MANIFEST, Manifest, ShardIndex

from .output import (
    COUNTS,
    SCHEMA,
    Shard,
    done_path,
    done_units,
    lock_part,
    read_counts,
    unit_name,
    write_manifest,
)

LEFT_OUT, SUBSET, UNIQUE = 'left_out.txt', 'subset.txt', 'unique.txt'
REMOVED = 'removed'
"""Verdict of images that were erased."""
_SHA256 = re.compile(r'[0-9a-fA-F]{64}')


def read_requests(path: str | Path) -> dict[str, set[str]]:
    """The requests of a file by column of the verdicts: 'url', 'sha256' and 'key'."""
    found: dict[str, set[str]] = dict(url=set(), sha256=set(), key=set())
    with open(path, encoding='utf-8') as file:
        for line in file:
            text = line.strip()
            if not text or text.startswith('#'):
                continue
            if _SHA256.fullmatch(text):
                found['sha256'].add(text.lower())
            else:
                found['url' if '://' in text else 'key'].add(text)
    return found


def remove_images(out: str | Path, requests: Iterable[str | Path]) -> dict[str, Any]:
    """Add to the list of images to leave out, and write the subset without them.

    Args:
        out (str | Path): Folder of a run.
        requests (Iterable[str | Path]): Files with requests.

    Returns:
        dict: ``names`` that are new in the list, ``copies`` of them, ``unknown`` requests, and
        ``left``, images in the subset.

    Raises:
        FileNotFoundError: If ``out`` is no folder of a run, or a file does not exist.
    """
    out = Path(out)
    if not (out / 'images' / MANIFEST).is_file():
        raise FileNotFoundError(
            f'{out} must be the folder of a complete run, but has no images/{MANIFEST}'
        )
    wanted: dict[str, set[str]] = dict(url=set(), sha256=set(), key=set())
    for path in requests:
        for column, values in read_requests(path).items():
            wanted[column] |= values
    asked = dict(wanted, sha256=set(wanted['sha256']), name=wanted['key'])
    answered: dict[str, set[str]] = {column: set() for column in asked}
    for table in _tables(out, [*asked]):
        for column, values in asked.items():
            hits = _where(table, column, values)
            answered[column].update(hits[column].to_pylist())
            asked['sha256'] |= set(hits['sha256'].drop_null().to_pylist())
    names: set[str] = set()  # also those of equal files at other addresses
    for table in _tables(out, ['sha256', 'name']):
        names.update(_where(table, 'sha256', asked['sha256'])['name'].drop_null().to_pylist())
    copies = _copies_of(out, names) - names
    before = set(_lines(out / 'images' / LEFT_OUT))
    _write_lines(out / 'images' / LEFT_OUT, sorted(before | names | copies))
    known = answered['key'] | answered['name']
    unknown = [
        request
        for column, values in wanted.items()
        for request in sorted(values - (known if column == 'key' else answered[column]))
    ]
    left = write_subset(out)
    return dict(
        names=sorted(names - before), copies=sorted(copies - before), unknown=unknown, left=left
    )


def _tables(out: Path, columns: list[str]) -> Iterator[pa.Table]:
    for number in done_units(out):
        yield pq.read_table(done_path(out, number), columns=columns)


def _where(table: pa.Table, column: str, values: set[str]) -> pa.Table:
    return table.filter(pc.is_in(table[column], value_set=pa.array(sorted(values), pa.string())))


def _copies_of(out: Path, names: set[str]) -> set[str]:
    """All images of the groups that these are in."""
    path = out / 'copies.parquet'
    if not path.is_file():
        return set()
    table = pq.read_table(path, columns=['name', 'group'])
    groups = _where(table, 'name', names)
    found = table.filter(pc.is_in(table['group'], value_set=groups['group'].combine_chunks()))
    return set(found['name'].to_pylist())


def write_subset(out: str | Path) -> int | None:
    """Write ``subset.txt``, if there is a list of images to leave out; returns its length."""
    folder = Path(out, 'images')
    if not (folder / LEFT_OUT).is_file():
        return None
    left_out = set(_lines(folder / LEFT_OUT))
    unique = folder / UNIQUE
    names = _lines(unique) if unique.is_file() else _all_names(folder)
    return _write_lines(folder / SUBSET, (name for name in names if name not in left_out))


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        with open(path, encoding='utf-8') as file:
            yield from (line.strip() for line in file)


def _all_names(folder: Path) -> Iterator[str]:
    path = folder / MANIFEST
    for shard in Manifest.loads(path.read_bytes(), str(path)).names:
        index = folder / f'{shard}{INDEX_SUFFIX}'
        yield from ShardIndex.loads(index.read_bytes(), str(index)).names


def erase_images(out: str | Path) -> dict[str, int]:
    """Write the shards anew that hold images to leave out.

    A new shard has a name of its own. Verdicts lead to it from when it is whole, and the list of
    shards from when all are; then the former ones are deleted. Wherever this ends, what the list
    names is whole, and the next call goes on.

    Returns:
        dict: Number of ``images`` and ``shards``.

    Raises:
        FolderInUseError: If a run is using the folder.
    """
    out = Path(out)
    folder = out / 'images'
    left_out = set(_lines(folder / LEFT_OUT))
    total = dict(images=0, shards=0)
    with lock_part(out, (0, 1)):
        for number in done_units(out):
            erased = _erase_of_unit(out, number, left_out)
            total['images'] += erased
            total['shards'] += erased > 0
        write_manifest(out)
        if (folder / UNIQUE).is_file():
            _write_lines(folder / UNIQUE, (n for n in _lines(folder / UNIQUE) if n not in left_out))
        write_subset(out)
        manifest = Manifest.loads((folder / MANIFEST).read_bytes(), str(folder / MANIFEST))
        named = {name for tar in manifest.names for name in (tar, tar + INDEX_SUFFIX)}
        units = {unit_name(number) for number in done_units(out)}
        for path in folder.glob('*.tar*'):
            if path.name not in named and re.split(r'[-.]', path.name)[0] in units:
                path.unlink()
    return total


def _erase_of_unit(out: Path, number: int, left_out: set[str]) -> int:
    path = done_path(out, number)
    table = pq.read_table(path, columns=['name'])
    if not left_out.intersection(table['name'].to_pylist()):
        return 0
    note = read_counts(path)
    rows = pq.read_table(path, schema=SCHEMA).to_pylist()
    before = note.get('shard', f'{unit_name(number)}.tar')
    again = int(before.removesuffix('.tar').partition('-')[2] or 0) + 1
    after = f'{unit_name(number)}-{again}.tar'
    names, erased = set(), 0
    for row in rows:
        if row['name'] in left_out:
            row.update(verdict=REMOVED, shard=None, name=None)
            erased += 1
        elif row['name'] is not None:
            row['shard'] = after
            names.add(row['name'])
    size = _copy_shard(out / 'images' / before, out / 'images' / after, names)
    note.update(verdicts=dict(sorted(Counter(row['verdict'] for row in rows).items())), shard=after)
    note['bytes']['images'] = size
    metadata = {COUNTS: json.dumps(note)}
    with atomic_open(path) as partial:
        pq.write_table(
            pa.Table.from_pylist(rows, SCHEMA.with_metadata(metadata)), partial, compression='zstd'
        )
    return erased


def _copy_shard(source: Path, target: Path, names: set[str]) -> int:
    """Copy the images of these names, with what is known of them; returns the size in bytes."""
    if not names:
        return 0
    shard = Shard(target)
    try:
        with tarfile.open(source, 'r|') as tar:
            name, content = '', b''
            for member in tar:
                file = tar.extractfile(member)
                assert file is not None  # only files are written
                if not member.name.endswith('.json'):
                    name, content = member.name, file.read()
                elif name in names:
                    shard.add(name, content, json.loads(file.read()))
        return shard.finish()
    except BaseException as error:
        shard.abandon(type(error), error, error.__traceback__)
        raise


def _write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write a list anew; returns its length."""
    count = 0
    with atomic_open(path) as partial, open(partial, 'w', encoding='utf-8') as file:
        for line in lines:
            file.write(f'{line}\n')
            count += 1
    return count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `remove`."""
    parser.add_argument('out', help='folder of a run')
    parser.add_argument('requests', nargs='*', help='text files with a request a line')
    parser.add_argument(
        '--erase', action='store_true', help='also write shards anew without what is left out'
    )


def run(args: argparse.Namespace) -> int:
    """Write the lists; 1 if a request means no image."""
    found = remove_images(args.out, args.requests)
    print(
        f'{len(found["names"])} images and {len(found["copies"])} near copies of them are left out '
        f'from now on; {found["left"]} are in {Path(args.out, "images", SUBSET)}'
    )
    if args.erase:
        erased = erase_images(args.out)
        print(f'{erased["images"]} images were erased from {erased["shards"]} shards')
    for request in found['unknown']:
        print(f'no image: {request}')
    return 1 if found['unknown'] else 0
