"""Row: results as files, which have their names once they are on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from harness import Measurement, Settings, alternate, benchmark

NUM_FILES = 256
NUM_BYTES = 30_000
"""About as large as the JSON of one person with 308 keypoints."""


def _write_plainly(content: bytes, path: Path) -> None:
    """Each file, then its folder, brought to the disk by itself."""
    unfinished = path.with_suffix('.partial')
    with open(unfinished, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    number = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@benchmark(
    'write-files',
    work=f'{NUM_FILES} files of {NUM_BYTES // 1000} kB brought to the disk',
    against='`fsync` of each file and of its folder, as many threads',
    side='inference',
)
def write_files(settings: Settings) -> Iterator[Measurement]:
    """With the threads of a run of the inferencer."""
    from mmsapiens.inference.running import WRITERS
    from mmsapiens.utils.whole_files import write_whole

    count = 8 if settings.small else NUM_FILES
    content = os.urandom(NUM_BYTES)
    folder = settings.scratch / 'writing'

    def work(write: Callable[[bytes, Path], None]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        paths = [folder / f'{index:05d}.json' for index in range(count)]
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda path: write(content, path), paths))

    ways = {
        'ours': lambda: work(partial(write_whole, keep_name=False)),
        'stock': lambda: work(_write_plainly),
    }
    timings = alternate(ways, repeat=settings.repeat, most_s=60)
    shutil.rmtree(folder, ignore_errors=True)
    yield Measurement(
        count / timings['ours'].median,
        'files/s',
        count / timings['stock'].median,
        mode=f'{WRITERS} threads',
        higher_is_better=True,
        first_s=timings['ours'].first_s,
    )
