#!/usr/bin/env python
"""Pack images of folders or list files into tar shards with an index.

Started again after an interruption, it goes on where it was.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.pretrain.datasets.human_image_dataset import HumanImageDataset
from mmsapiens.pretrain.datasets.packing import index_folder, pack_images
from rich.console import Console
from rich.progress import Progress


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
