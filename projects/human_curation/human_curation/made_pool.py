"""A pool of images with known truth: ``make-pool OUT``.

Rendered people, photographs, drawings, screens, marks, damaged and odd files, copies: in tar shards
of the webdataset layout with a ``.json`` of provenance beside each image.

| path | content |
|---|---|
| ``pool/00000.tar`` | images |
| ``truth.parquet`` | what each image is and which checks should reject it |
| ``forbidden.txt`` | SHA-256 of the files of kind ``forbidden``, one a line |
| ``test_set/`` | images of which the pool holds near copies |
| ``renders/`` | rendered people, for the next pool |

The files depend on the seed and the arguments, not on the number of processes.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import track

from mmsapiens.core import atomic_open, atomic_write

from . import made_files as files
from . import made_sources as sources
from .making import COPIES, SHARES, SHOW_PEOPLE, TEST_IMAGES, TRUTH, Maker, Slot


def plan_slots(
    images: int, renders: int, *, with_photographs: bool, with_frames: bool, seed: int
) -> list[Slot]:
    """What goes where: kinds in their shares, mixed, and the render that each starts from.

    People as rendered come first, then half of what else shows somebody; where renders have run
    out, a photograph is taken.

    Raises:
        ValueError: If there are no photographs and too few renders.
    """
    rng = np.random.default_rng([seed, images])
    left_out = {'photograph': with_photographs, 'frame': with_frames}
    counts = {
        kind: max(1, round(images * share / 1000))
        for kind, share in SHARES.items()
        if left_out.get(kind, True)
    }
    counts['person'] = max(1, images - sum(counts.values()))
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    rng.shuffle(kinds)
    given = _give_renders(kinds, renders, every=2 if with_photographs else 1)
    needed = [n for n, kind in enumerate(kinds) if kind in SHOW_PEOPLE and n not in given]
    if needed and not with_photographs:
        raise ValueError(
            f'without photographs, a pool of {images} images needs '
            f'{renders + len(needed)} rendered people, but got {renders}'
        )
    originals = [n for n, kind in enumerate(kinds) if kind in ('person', 'photograph')]
    slots = []
    for number, kind in enumerate(kinds):
        original = -1
        if kind in COPIES:
            original = int(rng.choice(originals))
        elif kind == 'test copy':
            original = int(rng.integers(TEST_IMAGES))
        slots.append(Slot(number, kind, given.get(number, -1), original))
    return slots


def _give_renders(kinds: Sequence[str], renders: int, *, every: int) -> dict[int, int]:
    """Number of the rendered image for places in the pool: people, then others in turn."""
    free = iter(range(TEST_IMAGES, renders))
    given: dict[int, int] = {}
    turns: collections.Counter[str] = collections.Counter()
    for number in sorted(range(len(kinds)), key=lambda n: kinds[n] != 'person'):
        kind = kinds[number]
        if kind in SHOW_PEOPLE or kind == 'nobody':
            turns[kind] += 1
            if kind == 'person' or turns[kind] % every == 0:
                render = next(free, None)
                if render is not None:
                    given[number] = render
    return given


def make_pool(
    out: Path,
    *,
    images: int = 2400,
    per_shard: int = 200,
    renders: int = 600,
    photographs: Path | None = None,
    seed: int = 0,
    workers: int = 2,
) -> list[dict[str, Any]]:
    """Make a pool and its truth.

    Args:
        out (Path): Folder; a pool that is there must be removed first. Renders in it are used.
        images (int): About how many; a small pool has at least one of each kind. Defaults to 2400.
        per_shard (int): Images in a shard. Defaults to 200.
        renders (int): Rendered people, about a second each on a core. Defaults to 600.
        photographs (Path | None): Folder with photographs in COCO's layout and perhaps MP4 files.
            Defaults to None.
        seed (int): Of everything. Defaults to 0.
        workers (int): Processes. Defaults to 2.

    Returns:
        list[dict]: Rows of :data:`TRUTH`.

    Raises:
        ValueError: If there is nothing to show people with, or a truth is there already.
    """
    if (out / 'truth.parquet').exists():
        raise ValueError(f'{out} holds a pool already; remove it or choose another folder')
    if 0 < renders <= TEST_IMAGES or not (renders or photographs):
        raise ValueError(
            f'a pool needs photographs, or more than {TEST_IMAGES} rendered people, but got '
            f'{renders} and no photographs'
            if not photographs
            else f'`renders` must be 0 or more than {TEST_IMAGES}, but got {renders}'
        )
    if renders:
        steps = sources.render_people(out / 'renders', renders, seed=seed, workers=workers)
        for _ in track(steps, 'rendering people', total=renders + 1):
            pass
    slots = plan_slots(
        images,
        renders,
        with_photographs=photographs is not None,
        with_frames=photographs is not None and any(photographs.rglob('*.mp4')),
        seed=seed,
    )
    maker = Maker(out, photographs, renders, slots, per_shard, seed)
    for number in range(TEST_IMAGES):
        content = files.jpeg(maker.test_image(number).image)
        atomic_write(content, out / 'test_set' / f'{number:03d}.jpg', is_durable=False)
    rows = list(_make_shards(maker, workers))
    forbidden = [row['sha256'] for row in rows if row['kind'] == 'forbidden']
    atomic_write(('\n'.join(forbidden) + '\n').encode(), out / 'forbidden.txt')
    with atomic_open(out / 'truth.parquet') as partial:
        pq.write_table(pa.Table.from_pylist(rows, TRUTH), partial)
    return rows


def _make_shards(maker: Maker, workers: int) -> Iterator[dict[str, Any]]:
    shards = range(-(-len(maker.slots) // maker.per_shard))
    if workers == 1:
        for shard in shards:
            yield from maker.make_shard(shard)
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        done = pool.map(maker.make_shard, shards)
        for rows in track(done, 'making shards', total=len(shards)):
            yield from rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``make-pool``."""
    add = parser.add_argument
    add('out', type=Path, help='folder of the pool and its truth')
    add('--images', type=int, default=2400, help='about how many (default: %(default)s)')
    add('--per-shard', type=int, default=200, help='images in a shard (default: %(default)s)')
    add('--renders', type=int, default=600,
        help='rendered people, a second each on a core (default: %(default)s)')  # fmt: skip
    add('--photographs', type=Path,
        help="photographs of people with COCO's annotations, and MP4 files")  # fmt: skip
    add('--seed', type=int, default=0, help='same seed, same files (default: %(default)s)')
    add('--workers', type=int, default=2, help='processes (default: %(default)s)')


def run(args: argparse.Namespace) -> int:
    """The command ``make-pool``."""
    rows = make_pool(
        args.out,
        images=args.images,
        per_shard=args.per_shard,
        renders=args.renders,
        photographs=args.photographs,
        seed=args.seed,
        workers=args.workers,
    )
    kinds = collections.Counter(row['kind'] for row in rows)
    width = max(map(len, kinds))
    for kind, count in sorted(kinds.items()):
        print(f'{kind:{width}} {count:5}')
    shards = len({row['unit'] for row in rows})
    print(f'{len(rows)} images in {shards} shards: {args.out / "pool"}')
    return 0
