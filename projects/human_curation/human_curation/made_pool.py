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
import hashlib
import io
import json
import multiprocessing
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator
from rich.progress import track

from mmsapiens.core import atomic_open, atomic_write

from . import made_drawings as drawings
from . import made_files as files
from . import made_sources as sources
from .made_sources import Source

SHORTER, ASPECT = 300, 4.0
"""Limits that the truth of ``size`` and ``aspect`` goes by."""
TEST_IMAGES = 12
SHARES = {
    'photograph': 80, 'frame': 8, 'nobody': 85, 'small': 120, 'aspect': 25, 'poster': 50,
    'cartoon': 50, 'screenshot': 42, 'blank': 8, 'painted': 35, 'caption': 45, 'watermark': 55,
    'odd': 30, 'broken': 38, 'opt_out': 8, 'generated': 8, 'forbidden': 5, 'exact copy': 40,
    'near copy': 60, 'cropped copy': 16, 'mirrored copy': 10, 'test copy': 8,
}  # fmt: skip
"""Images of a kind among a thousand; the rest are people as they were rendered."""
COPIES = ('exact copy', 'near copy', 'cropped copy', 'mirrored copy')
DRAWN = ('poster', 'cartoon', 'screenshot', 'blank')
SHOW_PEOPLE = ('person', 'small', 'painted', 'caption', 'watermark', 'odd', 'broken', 'opt_out',
               'generated', 'forbidden')  # fmt: skip
REJECTS = {
    'poster': ('flat', 'drawing', 'text'), 'cartoon': ('flat', 'drawing'),
    'screenshot': ('flat', 'drawing', 'text'), 'blank': ('flat',), 'painted': ('drawing',),
    'caption': ('text',), 'watermark': ('watermark',), 'broken': ('broken',),
    'opt_out': ('opt_out',), 'generated': ('generated',), 'forbidden': ('forbidden',),
    'test copy': ('test_set',),
}  # fmt: skip
"""Checks that should reject a kind, beside those of the size and of people."""
EITHER = {
    'poster': ('watermark',), 'screenshot': ('watermark',), 'painted': ('flat', 'text'),
    'caption': ('drawing', 'watermark'), 'watermark': ('text',),
}  # fmt: skip
"""Checks of which a kind does not say whether they should reject it."""
NEAR_LIMIT = 0.1
"""People so near to the limit of the size may count or not: boxes are not that exact."""
TRUTH = pa.schema(
    [
        ('key', pa.string()),
        ('unit', pa.string()),
        ('kind', pa.string()),
        ('detail', pa.string()),
        ('source', pa.string()),
        ('sha256', pa.string()),
        ('people', pa.int16()),
        ('largest', pa.float32()),
        ('rejects', pa.list_(pa.string())),
        ('either', pa.list_(pa.string())),
        ('group', pa.string()),
    ]
)
"""``people`` and ``largest``, the shorter side of the largest person's box in pixels, are null
where it is not known who is there. ``rejects`` are the checks that should reject an image,
``either`` those of which it cannot be said. Images of one ``group`` are copies of each other."""


@dataclass(frozen=True)
class Slot:
    """A place in the pool.

    Args:
        number (int): Place among all images.
        kind (str): Of :data:`SHARES`, or ``person``.
        render (int): Rendered image to start from, -1 for a photograph or a drawing.
        original (int): Slot that this is a copy of, or image of the test set; -1 for no copy.
    """

    number: int
    kind: str
    render: int = -1
    original: int = -1


@dataclass
class Made:
    """A file of the pool.

    Args:
        content (bytes): Of the file.
        suffix (str): Of its name, with the dot.
        source (Source): What it shows, with the boxes of people.
        detail (str): More about the kind. Defaults to ''.
    """

    content: bytes
    suffix: str
    source: Source
    detail: str = ''


@dataclass
class Maker:
    """Makes the image of a slot; the same one in every process.

    Args:
        out (Path): Folder of :func:`make_pool`.
        photographs (Path | None): Of :func:`made_sources.read_photographs`.
        renders (int): Number of rendered images.
        slots (list[Slot]): Of the pool.
        per_shard (int): Images in a shard.
        seed (int): Of the pool.
    """

    out: Path
    photographs: Path | None
    renders: int
    slots: list[Slot] = field(repr=False)
    per_shard: int
    seed: int

    @cached_property
    def _photos(self) -> list[Source]:
        return sources.read_photographs(self.photographs) if self.photographs else []

    @cached_property
    def _frames(self) -> list[Source]:
        return sources.read_frames(self.photographs) if self.photographs else []

    def rng(self, number: int) -> Generator:
        """Random numbers of a slot; of an image of the test set where negative."""
        return np.random.default_rng([self.seed, number % 2**32])

    def key(self, number: int) -> str:
        """Name of a slot's files without suffix."""
        return f'{number // self.per_shard:05d}{number % self.per_shard:04d}'

    def make(self, slot: Slot) -> Made:
        """The image of a slot."""
        rng = self.rng(slot.number)
        if slot.kind == 'exact copy':
            return self.make(self.slots[slot.original])
        return getattr(self, f'_{slot.kind.replace(" ", "_").replace("-", "_")}')(slot, rng)

    def test_image(self, number: int) -> Source:
        """An image of the test set."""
        slot = Slot(-1 - number, 'test', render=number if self.renders else -1)
        return self._someone(slot, self.rng(slot.number))

    def _someone(self, slot: Slot, rng: Generator) -> Source:
        """The render of a slot, or a part of a photograph, enlarged until a person is large."""
        if slot.render >= 0:
            return sources.read_render(self.out / 'renders', slot.render)
        photo = self._photos[rng.integers(len(self._photos))]
        part = sources.sample_crop(photo, rng)
        if not len(part.boxes):
            part = photo
        return part.scaled(float(np.clip(rng.uniform(340, 500) / part.largest, 1, 4)))

    def _person(self, slot: Slot, rng: Generator) -> Made:
        source = self._someone(slot, rng)
        return Made(files.jpeg(source.image, int(rng.integers(80, 96))), '.jpg', source)

    _forbidden = _person

    def _opt_out(self, slot: Slot, rng: Generator) -> Made:
        return self._marked(slot, rng, files.OPT_OUT)

    def _generated(self, slot: Slot, rng: Generator) -> Made:
        return self._marked(slot, rng, files.GENERATED)

    def _marked(self, slot: Slot, rng: Generator, mark: str) -> Made:
        made = self._person(slot, rng)
        return replace(made, content=files.mark_xmp(made.content, mark))

    def _photograph(self, slot: Slot, rng: Generator) -> Made:
        part = sources.sample_crop(self._photos[rng.integers(len(self._photos))], rng)
        part = part.scaled(rng.uniform(320, 900) / min(part.image.shape[:2]))
        return Made(files.jpeg(part.image, int(rng.integers(75, 96))), '.jpg', part)

    def _frame(self, slot: Slot, rng: Generator) -> Made:
        part = sources.sample_crop(self._frames[rng.integers(len(self._frames))], rng, share=0.8)
        return Made(files.jpeg(part.image), '.jpg', part)

    def _nobody(self, slot: Slot, rng: Generator) -> Made:
        shorter = int(rng.integers(400, 900))
        start = sources.read_render(self.out / 'renders', slot.render) if slot.render >= 0 else None
        if start is None and self._photos and rng.random() < 0.5:
            start = self._photos[rng.integers(len(self._photos))]
        part = sources.sample_empty(start, rng) if start is not None else None
        if part is None:
            image = drawings.draw_landscape((shorter, int(shorter * rng.uniform(0.8, 1.6))), rng)
            return Made(files.jpeg(image), '.jpg', _drawn('landscape', image), 'landscape')
        part = part.scaled(shorter / min(part.image.shape[:2]))
        return Made(files.jpeg(part.image), '.jpg', part, 'part without people')

    def _small(self, slot: Slot, rng: Generator) -> Made:
        source = self._someone(slot, rng)
        source = source.scaled(rng.uniform(60, SHORTER) / min(source.image.shape[:2]))
        return Made(files.jpeg(source.image), '.jpg', source)

    def _aspect(self, slot: Slot, rng: Generator) -> Made:
        height = int(rng.integers(310, 420))
        image = drawings.draw_landscape((height, int(height * rng.uniform(4.2, 6))), rng)
        image = image.transpose(1, 0, 2) if rng.random() < 0.3 else image
        return Made(files.jpeg(np.ascontiguousarray(image)), '.jpg', _drawn('banner', image))

    def _poster(self, slot: Slot, rng: Generator) -> Made:
        return self._draw('poster', drawings.draw_poster(_size(rng), rng), rng)

    def _cartoon(self, slot: Slot, rng: Generator) -> Made:
        return self._draw('cartoon', drawings.draw_cartoon(_size(rng), rng), rng)

    def _screenshot(self, slot: Slot, rng: Generator) -> Made:
        photo = None
        if self._photos and rng.random() < 0.4:
            photo = self._photos[rng.integers(len(self._photos))].image
        height = int(rng.integers(600, 1000))
        size_hw = height, int(height * rng.choice([1.6, 1.78, 0.6]))
        return self._draw('screenshot', drawings.draw_screenshot(size_hw, rng, photo), rng)

    def _blank(self, slot: Slot, rng: Generator) -> Made:
        return self._draw('blank', np.full((*_size(rng), 3), rng.integers(256), np.uint8), rng)

    def _draw(self, name: str, image: drawings.Bgr, rng: Generator) -> Made:
        """PNG, JPEG, or a small JPEG."""
        source = _drawn(name, image)
        if rng.random() < 0.4:
            return Made(files.png(image), '.png', source, 'PNG')
        return Made(files.jpeg(image, int(rng.integers(70, 96))), '.jpg', source, 'JPEG')

    def _painted(self, slot: Slot, rng: Generator) -> Made:
        source = self._someone(slot, rng)
        image = drawings.paint(source.image, rng)
        return Made(files.jpeg(image), '.jpg', replace(source, image=image, is_known=False))

    def _caption(self, slot: Slot, rng: Generator) -> Made:
        source = self._someone(slot, rng)
        image, share = drawings.write_caption(source.image, rng)
        return Made(files.jpeg(image), '.jpg', replace(source, image=image),
                    f'{share:.0%} of the area')  # fmt: skip

    def _watermark(self, slot: Slot, rng: Generator) -> Made:
        source = self._someone(slot, rng)
        image, kind = drawings.add_watermark(source.image, rng)
        return Made(files.jpeg(image), '.jpg', replace(source, image=image), kind)

    def _odd(self, slot: Slot, rng: Generator) -> Made:
        source, detail = self._someone(slot, rng), str(rng.choice(list(files.ODD)))
        suffix, make = files.ODD[detail]
        return Made(make(source.image), suffix, source, detail)

    def _broken(self, slot: Slot, rng: Generator) -> Made:
        source, detail = self._someone(slot, rng), str(rng.choice(list(files.BROKEN)))
        suffix, make = files.BROKEN[detail]
        return Made(make(source.image, rng), suffix, replace(source, is_known=False), detail)

    def _test_copy(self, slot: Slot, rng: Generator) -> Made:
        return self._altered(self.test_image(slot.original), rng)

    def _near_copy(self, slot: Slot, rng: Generator) -> Made:
        return self._altered(self.make(self.slots[slot.original]).source, rng)

    def _cropped_copy(self, slot: Slot, rng: Generator) -> Made:
        source = self.make(self.slots[slot.original]).source
        return self._altered(sources.sample_crop(source, rng, share=0.75), rng)

    def _mirrored_copy(self, slot: Slot, rng: Generator) -> Made:
        return self._altered(self.make(self.slots[slot.original]).source.mirrored(), rng)

    def _altered(self, source: Source, rng: Generator) -> Made:
        """Another size, brightness and quality."""
        shorter = min(source.image.shape[:2])
        source = source.scaled(max(rng.uniform(0.6, 1.2), (SHORTER + 5) / shorter))
        image = cv2.convertScaleAbs(source.image, alpha=rng.uniform(0.9, 1.1),
                                    beta=rng.uniform(-10, 10))  # fmt: skip
        return Made(files.jpeg(image, int(rng.integers(55, 90))), '.jpg',
                    replace(source, image=image))  # fmt: skip

    def truth(self, slot: Slot, made: Made) -> dict[str, Any]:
        """Row of :data:`TRUTH`."""
        source, first = made.source, self.slots[slot.original] if slot.kind in COPIES else slot
        rejects = list(REJECTS.get(slot.kind, ()))
        either = list(EITHER.get(slot.kind, ()))
        if slot.kind != 'broken':
            shorter, longer = sorted(source.image.shape[:2])
            rejects += ['size'] * (shorter <= SHORTER)
            rejects += ['aspect'] * (longer > ASPECT * shorter)
            rejects += ['format'] * (made.detail == 'GIF named .jpg')
            if not source.is_known or abs(source.largest - SHORTER) < NEAR_LIMIT * SHORTER:
                either.append('person')
            elif source.largest <= SHORTER:
                rejects.append('person')
            if not source.name.startswith('render') and slot.kind not in (*DRAWN, 'caption'):
                either.append('text')  # photographs of streets and sports show some
        group = f'test:{slot.original}' if slot.kind == 'test copy' else self.key(first.number)
        return dict(
            key=self.key(slot.number),
            unit=f'{slot.number // self.per_shard:05d}.tar',
            kind=slot.kind,
            detail=made.detail,
            source=source.name,
            sha256=hashlib.sha256(made.content).hexdigest(),
            people=len(source.boxes) if source.is_known else None,
            largest=source.largest if source.is_known else None,
            rejects=sorted(rejects),
            either=sorted(set(either)),
            group=group,
        )

    def make_shard(self, shard: int) -> list[dict[str, Any]]:
        """Write a shard; returns its rows of the truth."""
        cv2.setNumThreads(1)
        rows = []
        with atomic_open(self.out / 'pool' / f'{shard:05d}.tar') as partial:
            with tarfile.open(partial, 'w') as tar:
                for slot in self.slots[shard * self.per_shard : (shard + 1) * self.per_shard]:
                    made = self.make(slot)
                    key = self.key(slot.number)
                    rows.append(self.truth(slot, made))
                    facts = dict(url=f'https://images.example/{made.source.name}/{key}',
                                 license=made.source.license, key=key)  # fmt: skip
                    _add(tar, key + made.suffix, made.content)
                    _add(tar, key + '.json', json.dumps(facts).encode())
        return rows


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _size(rng: Generator) -> tuple[int, int]:
    shorter = rng.integers(400, 1000)
    return int(shorter), int(shorter * rng.uniform(0.7, 1.5))


def _drawn(name: str, image: drawings.Bgr) -> Source:
    return Source(name, image, np.zeros((0, 4), np.float32))


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
        help='rendered people, a second each on a core; 0 for none (default: %(default)s)')  # fmt: skip
    add('--photographs', type=Path,
        help="folder with photographs of people, their annotations in COCO's layout, MP4 files")  # fmt: skip
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
