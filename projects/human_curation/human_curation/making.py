"""Makes each image of a made pool, and says what is true of it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.random import Generator

from mmsapiens.core import atomic_open

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
        path = self.out / 'pool' / f'{shard:05d}.tar'
        with atomic_open(path) as partial, tarfile.open(partial, 'w') as tar:
            for slot in self.slots[shard * self.per_shard : (shard + 1) * self.per_shard]:
                made = self.make(slot)
                key = self.key(slot.number)
                rows.append(self.truth(slot, made))
                url = f'https://images.example/{made.source.name}/{key}'
                facts = dict(url=url, license=made.source.license, key=key)
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
