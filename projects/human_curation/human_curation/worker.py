"""Judges one unit; knows nothing of the engine that calls it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmsapiens.core.errors import ReadError

from .checks import PDQ_SIZE, SCORES, ForbiddenHashes, header_checks, pdq_of, pixel_checks
from .decoding import decode_small
from .header import Header, read_header
from .models import Network, Pixels
from .options import SSCD, Options
from .output import SCHEMA, TRIES, UnitWriter, unit_name
from .pool import Item, PoolError, Unit, read_unit

MAX_TRIES = 5
"""A unit that was begun so often in one run and never ended is a bad one: it kills its worker."""


@dataclass
class Entry:
    """An image on its way through the checks."""

    row: dict[str, Any]
    item: Item
    header: Header | None = None
    pixels: Pixels | None = None

    def fail(self, verdict: str, score: float = 0.0, note: str = '') -> None:
        """It does not go on."""
        self.row.update(verdict=verdict, score=score)
        if note:
            self.row['note'] = note


@dataclass
class Clock:
    """CPU seconds by stage, and images that came to it."""

    seconds: Counter = field(default_factory=Counter)
    images: Counter = field(default_factory=Counter)
    _last: float = field(default_factory=time.thread_time)

    def lap(self, stage: str, images: int) -> None:
        """The time since the last lap was for this."""
        now = time.thread_time()
        self.seconds[stage] += now - self._last
        self.images[stage] += images
        self._last = now


def guarded(
    out: Path, number: int, unit: Unit, work: Callable[[int, Unit], dict[str, Any]]
) -> dict[str, Any]:
    """Do a unit; one that cannot be read, or that killed its workers, has an ``error`` instead."""
    tries = out / TRIES / unit_name(number)
    begun = tries.stat().st_size if tries.exists() else 0
    if begun >= MAX_TRIES:
        error = f'{unit.name}: its worker died {begun} times, perhaps of too little memory'
        return dict(number=number, unit=unit.name, error=error)
    with tries.open('ab') as file:
        file.write(b'.')
    try:
        result = work(number, unit)
    except PoolError as error:
        result = dict(number=number, unit=unit.name, error=str(error))
    tries.unlink(missing_ok=True)
    return result


class Curator:
    """Judges units; models are loaded once.

    Args:
        out (str | Path): Folder of the run.
        options (Options): What to do.
    """

    def __init__(self, out: str | Path, options: Options) -> None:
        cv2.setNumThreads(1)  # many workers a machine: one thread each
        self.out, self.options = Path(out), options
        limits = options.all_limits()
        self.forbidden = ForbiddenHashes(
            options.forbidden_sha256, options.forbidden_pdq, limits['pdq']
        )
        networks = {
            name: Network(model, options.batch, options.device)
            for name, model in options.models.items()
            if name not in options.skip
        }
        self.sscd = networks.pop(SSCD, None)
        self.of_header = header_checks(limits, options.skip)
        self.of_pixels = pixel_checks(limits, options.skip, networks)

    def __call__(self, number: int, unit: Unit) -> dict[str, Any]:
        """Read, judge and write a unit.

        Returns:
            dict: ``number``, ``unit``, ``images``, ``bytes`` read, ``verdicts`` (name -> images),
            ``seconds``, and of the stages ``cpu`` seconds and images ``seen``. Of a unit that
            cannot be read only the first two and the ``error``.
        """
        return guarded(self.out, number, unit, self._run)

    def _run(self, number: int, unit: Unit) -> dict[str, Any]:
        start, clock = time.monotonic(), Clock()
        verdicts: Counter[str] = Counter()
        kept: set[str] = set()
        images = size = 0
        with UnitWriter(self.out, number, self.options.quarantine) as writer:
            for group in self._groups(unit):
                clock.lap('read', len(group))
                self._judge(group, clock)
                for entry in group:
                    if entry.row['verdict'] == 'kept':
                        if entry.row['sha256'] in kept:  # near copies: see `copies`
                            entry.fail('copy', 1.0)
                        kept.add(entry.row['sha256'])
                    verdicts[entry.row['verdict']] += 1
                    size += entry.row['bytes'] or 0
                    writer.add(entry.row, entry.item.content, entry.item.facts)
                images += len(group)
                clock.lap('write', len(group))
        clock.lap('write', 0)
        return dict(
            number=number,
            unit=unit.name,
            images=images,
            bytes=size,
            verdicts=dict(verdicts),
            seconds=time.monotonic() - start,
            cpu=dict(clock.seconds),
            seen=dict(clock.images),
        )

    def _groups(self, unit: Unit) -> Iterator[list[Entry]]:
        """The images of a unit, a batch at a time."""
        group: list[Entry] = []
        for item in read_unit(unit):
            group.append(Entry(_new_row(unit, item), item))
            if len(group) == self.options.batch:
                yield group
                group = []
        if group:
            yield group

    def _judge(self, group: list[Entry], clock: Clock) -> None:
        for entry in group:
            self._look_at_header(entry)
        left = _going_on(group)
        clock.lap('header', len(group))
        for entry in left:
            self._decode(entry)
        clock.lap('decode', len(left))
        left = _going_on(left)
        if self.forbidden.has_pdq and left:
            self._look_up(left)
            clock.lap('forbidden', len(left))
            left = _going_on(left)
        for check in self.of_pixels:
            if not left:
                break
            scores = check.scores(
                [e.pixels for e in left if e.pixels is not None], [e.row for e in left]
            )
            for entry, score in zip(left, scores):
                entry.row[check.name] = score
                if not check.passes(score):
                    entry.fail(check.name, score)
            clock.lap(check.name, len(left))
            left = _going_on(left)
        self._fingerprint(left)
        clock.lap('fingerprint', len(left))
        for entry in left:
            entry.row['verdict'] = 'kept'
        for entry in group:
            entry.pixels = None

    def _look_at_header(self, entry: Entry) -> None:
        content = entry.item.content
        if content is None:
            entry.fail('broken', note=entry.item.note)
            return
        if bytes.fromhex(entry.row['sha256']) in self.forbidden.sha256:
            entry.fail('forbidden', 0.0)
            return
        try:
            header = read_header(content)
        except ReadError as error:
            entry.fail('broken', note=str(error))
            return
        entry.header = header
        entry.row.update(format=header.format, width=header.width, height=header.height)
        for check in self.of_header:
            score = check.score(header)
            if check.name in SCORES:
                entry.row[check.name] = score
            if not check.passes(score):
                entry.fail(check.name, score)
                return

    def _decode(self, entry: Entry) -> None:
        content, header = entry.item.content, entry.header
        assert content is not None and header is not None  # of those that go on
        try:
            image = decode_small(content, header, self.options.decode_side)
        except ReadError as error:
            entry.fail('broken', note=str(error))
            return
        height, width = image.shape[:2]
        if (width - height) * (header.width - header.height) < 0:
            # The decoder turned it by an orientation that Pillow does not see in the header.
            entry.row.update(width=header.height, height=header.width)
        entry.pixels = Pixels(image)

    def _look_up(self, left: list[Entry]) -> None:
        for entry in left:
            assert entry.pixels is not None  # decoded
            entry.row['pdq'], entry.row['pdq_quality'] = pdq_of(entry.pixels.resized(PDQ_SIZE))
        for entry, bits in zip(left, self.forbidden.nearest([e.row['pdq'] for e in left])):
            if bits <= self.forbidden.bits:
                entry.fail('forbidden', float(bits))

    def _fingerprint(self, left: list[Entry]) -> None:
        pixels = [entry.pixels for entry in left if entry.pixels is not None]
        for entry, source in zip(left, pixels):
            if entry.row['pdq'] is None:
                entry.row['pdq'], entry.row['pdq_quality'] = pdq_of(source.resized(PDQ_SIZE))
        if self.sscd is not None and left:
            for entry, vector in zip(left, self.sscd.vectors(pixels)):
                entry.row['sscd'] = vector.astype(np.float16).tobytes()


def _new_row(unit: Unit, item: Item) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    row.update(key=item.key, unit=unit.name, note=item.note or None)
    for name in ('url', 'license'):
        value = item.facts.get(name)
        row[name] = None if value is None else str(value)
    if item.content is not None:
        row['bytes'] = len(item.content)
        row['sha256'] = hashlib.sha256(item.content).hexdigest()
    return row


def _going_on(left: list[Entry]) -> list[Entry]:
    return [entry for entry in left if entry.row['verdict'] is None]
