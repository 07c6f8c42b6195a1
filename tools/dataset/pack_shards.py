#!/usr/bin/env python
"""Pack images of folders or list files into tar shards with an index.

Started again after an interruption, it resumes where it was.
"""

import argparse
import io
import json
import multiprocessing
import os
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.core.atomic_files import TMP_SUFFIX, atomic_open, atomic_write
from mmsapiens.core.errors import BadSampleError
from mmsapiens.io.shards import INDEX_SUFFIX, MANIFEST, Manifest, ShardIndex, index_shard
from mmsapiens.pretrain.datasets import HumanImageDataset
from mmsapiens.pretrain.datasets.unlabelled_image_dataset import decode_image
from rich.console import Console
from rich.progress import Progress

SETTINGS = 'packing.json'
SKIPPED_SUFFIX = '.skipped.txt'
FORMATS = (
    (b'\xff\xd8', '.jpg'),
    (b'\x89PNG', '.png'),
    (b'RIFF', '.webp'),
    (b'BM', '.bmp'),
    (b'II*\0', '.tif'),
    (b'MM\0*', '.tif'),
)
"""Start of a file -> suffix in the shard."""


@dataclass
class PackResult:
    """What packing did.

    Attributes:
        num_shards (int): Shards of the folder.
        num_images (int): Images in them.
        num_reused (int): Shards that were there already.
        skipped (list[str]): Images left out because they are broken.
    """

    num_shards: int = 0
    num_images: int = 0
    num_reused: int = 0
    skipped: list[str] = field(default_factory=list)


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f'{number:06d}.tar'


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)  # no time, no owner: equal bytes each time
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _check(name: str, content: bytes, verify: bool) -> str:
    for start, suffix in FORMATS:
        if content.startswith(start):
            if verify:
                decode_image(name, content)
            return suffix
    raise BadSampleError(f'{name} is no image of a known format (it starts with {content[:16]!r})')


def _fill(
    tar: tarfile.TarFile,
    images: HumanImageDataset,
    entries: range,
    *,
    verify: bool,
    with_source: bool,
) -> list[str]:
    """Add images to a shard, and return the lines of those left out."""
    skipped = []
    for entry in entries:
        source = images.get_name(images.number_of(entry))
        try:
            content = images.read(images.number_of(entry))
            suffix = _check(source, content, verify)
        except BadSampleError as error:
            skipped.append(f'{source}\t{" ".join(str(error).split())}')
            continue
        _add(tar, f'{entry:09d}{suffix}', content)
        if with_source:
            description = json.dumps(dict(source=source))
            _add(tar, f'{entry:09d}.json', description.encode())
    return skipped


def write_shard(
    number: int,
    *,
    images: HumanImageDataset,
    out_dir: Path,
    per_shard: int,
    verify: bool,
    with_source: bool,
) -> tuple[int, int, list[str], bool]:
    """Write one shard and its index, unless they are there.

    Args:
        number (int): Of the shard.
        images (HumanImageDataset): All images.
        out_dir (Path): Folder of the shards.
        per_shard (int): Images per shard, before broken ones are left out.
        verify (bool): Whether to decode each image.
        with_source (bool): Whether to add ``key.json`` with ``source``.

    Returns:
        tuple[int, int, list[str], bool]: Number, images inside, those left out, whether the shard
        was there.
    """
    path = out_dir / shard_name(number)
    index_path = out_dir / (shard_name(number) + INDEX_SUFFIX)
    skipped_path = out_dir / (shard_name(number) + SKIPPED_SUFFIX)
    if path.is_file() and index_path.is_file():  # the index comes last
        index = ShardIndex.loads(index_path.read_bytes(), str(index_path))
        lines = []
        if skipped_path.is_file():
            lines = skipped_path.read_text(encoding='utf-8').splitlines()
        return number, len(index), lines, True
    stop = min((number + 1) * per_shard, len(images))
    with atomic_open(path) as partial, tarfile.open(partial, 'w') as tar:
        skipped = _fill(
            tar, images, range(number * per_shard, stop), verify=verify, with_source=with_source
        )
    if skipped:
        atomic_write('\n'.join(skipped).encode(), skipped_path)
    index = index_shard(path)
    atomic_write(index.dumps(), index_path)
    return number, len(index), skipped, False


def _check_settings(out_dir: Path, settings: dict[str, Any]) -> None:
    path = out_dir / SETTINGS
    if not path.is_file():
        atomic_write(json.dumps(settings).encode(), path)
        return
    before = json.loads(path.read_bytes())
    if before != settings:
        raise ValueError(
            f'{out_dir} has shards packed from other images or settings: '
            f'{before}, but got {settings}. Use another folder.'
        )


def pack_images(
    images: HumanImageDataset,
    out_dir: str | Path,
    *,
    per_shard: int = 1000,
    num_workers: int = 1,
    verify: bool = False,
    with_source: bool = True,
    on_shard: Callable[[int, int], None] | None = None,
) -> PackResult:
    """Pack images into shards.

    Started again after an interruption it keeps the shards that are whole.

    Args:
        images (HumanImageDataset): What to pack, in this order. Shuffle the list if neighbors are
            alike: a training process reads few shards at a time.
        out_dir (str | Path): Folder for shards, indexes and the list of shards, made if needed.
        per_shard (int): Images per shard. Defaults to 1000.
        num_workers (int): Processes. Defaults to 1.
        verify (bool): Whether to decode each image, and leave out broken ones. Empty and unknown
            files are left out in any case. Defaults to False.
        with_source (bool): Whether to add a ``.json`` with the name that the image had. Defaults to
            True.
        on_shard (Callable, optional): Called with (shards done, all).

    Returns:
        PackResult: Numbers and names for a report.

    Raises:
        ValueError: If ``out_dir`` holds shards of other images or settings.
    """
    for name, value in dict(per_shard=per_shard, num_workers=num_workers).items():
        if value < 1:
            raise ValueError(f'`{name}` must be positive, but got {value}')
    target = Path(out_dir)
    target.mkdir(parents=True, exist_ok=True)
    _check_settings(
        target,
        dict(
            images=len(images),
            fingerprint=images.fingerprint,
            per_shard=per_shard,
            verify=verify,
            with_source=with_source,
        ),
    )
    for left_over in target.glob(f'.*{TMP_SUFFIX}'):
        left_over.unlink()
    num_shards = -(-len(images) // per_shard)
    work = partial(
        write_shard,
        images=images,
        out_dir=target,
        per_shard=per_shard,
        verify=verify,
        with_source=with_source,
    )
    counts = [0] * num_shards
    result = PackResult(num_shards=num_shards)
    for done, (number, count, skipped, reused) in enumerate(
        _map(work, num_shards, num_workers), start=1
    ):
        counts[number] = count
        result.skipped += skipped
        result.num_reused += reused
        if on_shard is not None:
            on_shard(done, num_shards)
    result.num_images = sum(counts)
    result.skipped.sort()
    names = [shard_name(number) for number in range(num_shards)]
    atomic_write(Manifest(names, counts).dumps(), target / MANIFEST)
    return result


def _map(work: Callable[[int], Any], number: int, num_workers: int) -> Any:
    if num_workers == 1:
        yield from map(work, range(number))
        return
    with multiprocessing.Pool(num_workers) as pool:
        yield from pool.imap_unordered(work, range(number))


def _index_file(name: str, folder: Path) -> int:
    index_path = folder / (name + INDEX_SUFFIX)
    index = index_shard(folder / name)
    atomic_write(index.dumps(), index_path)
    return len(index)


def index_folder(folder: str | Path, num_workers: int = 1) -> PackResult:
    """Write indexes and the list of shards for tar files made elsewhere.

    Args:
        folder (str | Path): With ``.tar`` files, also in folders below.
        num_workers (int): Processes. Defaults to 1.

    Returns:
        PackResult: Numbers for a report.

    Raises:
        FileNotFoundError: If there are no shards.
        ValueError: If a file is no shard, or cut short.
    """
    target = Path(folder)
    paths: Sequence[Path] = sorted(target.rglob('*.tar'))
    if not paths:
        raise FileNotFoundError(f'there are no .tar files in {target}')
    names = [path.relative_to(target).as_posix() for path in paths]
    work = partial(_index_file, folder=target)
    if num_workers == 1:
        counts = [work(name) for name in names]
    else:
        with multiprocessing.Pool(num_workers) as pool:
            counts = pool.map(work, names)
    atomic_write(Manifest(names, counts).dumps(), target / MANIFEST)
    return PackResult(num_shards=len(names), num_images=sum(counts))


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'source', nargs='+', help='folders of images, or list files (.txt, .json, .jsonl)'
    )
    parser.add_argument('--out', help='folder for the shards')
    parser.add_argument('--root', default='', help='folder that names in lists start from')
    parser.add_argument('--per-shard', type=int, default=1000, help='images; 1000 by default')
    parser.add_argument('--max-samples', type=int, help='pack only so many images')
    parser.add_argument(
        '--subset-seed', type=int, help='choose them at random with this seed, not the first ones'
    )
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    parser.add_argument(
        '--verify', action='store_true', help='decode each image and leave out broken ones'
    )
    parser.add_argument(
        '--no-source',
        action='store_true',
        help='do not add a .json with the former name of each image',
    )
    parser.add_argument(
        '--index-only',
        action='store_true',
        help='SOURCE is a folder of tar shards: write only their indexes',
    )
    parsed = parser.parse_args(args)
    if parsed.index_only:
        if len(parsed.source) > 1 or parsed.out:
            parser.error('--index-only takes one folder, and no --out')
    elif not parsed.out:
        parser.error('--out is needed')
    folders = [os.path.isdir(source) for source in parsed.source]
    if any(folders) != all(folders):
        parser.error('SOURCE must be folders or list files, not both')
    parsed.are_folders = all(folders)
    return parsed


def open_images(parsed: argparse.Namespace) -> HumanImageDataset:
    """The images to pack."""
    subset = dict(max_samples=parsed.max_samples, subset_seed=parsed.subset_seed)
    if parsed.are_folders:
        return HumanImageDataset(parsed.source, **subset)
    return HumanImageDataset(parsed.root, parsed.source, **subset)


def main(args: Sequence[str] | None = None) -> int:
    """Pack, print what was done, and return the exit code."""
    parsed = parse_args(args)
    try:
        if parsed.index_only:
            result = index_folder(parsed.source[0], parsed.workers)
        else:
            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task('shards')
                result = pack_images(
                    open_images(parsed),
                    parsed.out,
                    per_shard=parsed.per_shard,
                    num_workers=parsed.workers,
                    verify=parsed.verify,
                    with_source=not parsed.no_source,
                    on_shard=lambda done, total: progress.update(task, completed=done, total=total),
                )
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(
        f'{result.num_images} images in {result.num_shards} shards '
        f'({result.num_reused} were there), {len(result.skipped)} broken '
        'images left out'
    )
    for line in result.skipped[:10]:
        print('  ' + line.replace('\t', ': '))
    return 0


if __name__ == '__main__':
    sys.exit(main())
