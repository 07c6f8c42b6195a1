#!/usr/bin/env python
"""Memory of a process that opens shards with a long `subset_file` (Linux).

The list is written to a folder and removed afterwards, 17 bytes for each name. The indexes of the
shards, nine of ten of whose images are in the list, are made as they are read: on the disk they
would have 45 bytes for each image.
"""

import argparse
import pickle
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mmsapiens  # noqa: F401  before mmengine
from mmsapiens.io.shards import INDEX_SUFFIX, MANIFEST, Manifest, ShardIndex
from mmsapiens.pretrain.datasets import ShardedImageDataset
from timing import status_bytes

PER_SHARD = 3340
"""Images; about those of 10 000 that the curation keeps."""
UNIT = 'unit__'
"""What stands in a name for the number of its shard."""


def is_listed(number: int) -> bool:
    """Whether an image, by its number in its shard, is in the list."""
    return number % 10 != 3


def index_text(number_of_images: int) -> str:
    """An index for every shard, but for the number of the shard in the names."""
    names = [f'{UNIT}{number:06d}.jpg' for number in range(number_of_images)]
    offsets = [512 + 161_280 * number for number in range(number_of_images)]
    return ShardIndex(names, offsets, [160_000] * number_of_images).dumps().decode()


def write_list(folder: Path, shards: int, in_order: bool) -> Path:
    """The list, in the order of the shards or with the shards in a random one."""
    path = folder / 'subset.txt'
    text = ''.join(f'{UNIT}{n:06d}.jpg\n' for n in range(PER_SHARD) if is_listed(n))
    order = list(range(shards))
    if not in_order:
        random.Random(0).shuffle(order)
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(text.replace(UNIT, f'{shard:06d}') for shard in order)
    return path


@contextmanager
def peak_of_this_process() -> Iterator[list[int]]:
    """Bytes at the start, and after the block those at its peak, all pages counted."""
    Path('/proc/self/clear_refs').write_text('5')
    found = [status_bytes('VmRSS')]
    yield found
    found.append(status_bytes('VmHWM'))


class Simulated(ShardedImageDataset):
    """Shards whose indexes are made when they are asked for."""

    def open_source(self) -> int:
        """Open the list of shards."""
        template = index_text(PER_SHARD)
        real = self.store.get

        def get(name: str) -> bytes:
            if not name.endswith(INDEX_SUFFIX):
                return real(name)
            return template.replace(UNIT, name[:6]).encode()

        self.store.get = get
        try:
            return super().open_source()
        finally:
            del self.store.get


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--names', type=int, default=300_000_000)
    parser.add_argument('--folder', help='on a disk with room for the list')
    parser.add_argument('--other-order', action='store_true', help='a list in a random order')
    args = parser.parse_args()
    shards = -(-args.names // sum(map(is_listed, range(PER_SHARD))))
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        manifest = Manifest([f'{n:06d}.tar' for n in range(shards)], [PER_SHARD] * shards)
        (folder / MANIFEST).write_bytes(manifest.dumps())
        path = write_list(folder, shards, not args.other_order)
        start = time.process_time()
        with peak_of_this_process() as memory:
            dataset = Simulated(str(folder), subset_file=str(path))
            seconds = time.process_time() - start
        sizes = dataset.block_sizes
        last = dataset.number_of(len(dataset) - 1)
        assert sizes is not None and sizes.sum() == len(dataset)
        assert last == shards * PER_SHARD - 1 and dataset.number_of(3) == 4
        before, peak = (number / 1e6 for number in memory)
        print('| names | list, GB | CPU s | MB before | MB at the peak | added | pickled |')
        print('|---|---|---|---|---|---|---|')
        print(
            f'| {len(dataset):,} | {path.stat().st_size / 1e9:.2f} | {seconds:.0f} | {before:.0f} '
            f'| {peak:.0f} | {peak - before:.0f} | {len(pickle.dumps(dataset)) / 1e6:.0f} |'
        )


if __name__ == '__main__':
    main()
