"""Folders of runs, without the run: shards and verdicts of images that the test says are kept."""

import cv2
import numpy as np
import tiny_models as tiny
from human_curation.checks import pdq_of
from human_curation.output import SCHEMA, SETTINGS, UnitWriter, unit_name, write_manifest

from mmsapiens.core.atomic_files import atomic_write


def scene(seed, size_hw=(400, 480)):
    """Smooth noise, BGR: every seed another image, also for PDQ."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    return cv2.resize(small, size_hw[::-1], interpolation=cv2.INTER_CUBIC)


def row_of(number, image, **changes):
    """Verdict of an image that is kept."""
    row = dict.fromkeys(SCHEMA.names)
    pdq, quality = pdq_of(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    row.update(
        key=f'key{number}', unit='a', url=f'https://example.org/{number}', format='JPEG',
        sha256=f'{number:064x}', height=image.shape[0], width=image.shape[1], verdict='kept',
        pdq=pdq, pdq_quality=quality,
    )  # fmt: skip
    return {**row, **changes}


def write_run(out, rows, per_unit=5, settings=b'{"decode_side": 512, "models": {}}'):
    """Write rows, of (image, changes), as a run would; returns the names of those that are kept."""
    for name in ('images', 'verdicts'):
        (out / name).mkdir(parents=True)
    written = []
    for number, start in enumerate(range(0, len(rows), per_unit)):
        with UnitWriter(out, number) as writer:
            for place, (image, changes) in enumerate(rows[start : start + per_unit], start):
                row = row_of(place, image, unit=unit_name(number), **changes)
                writer.add(row, tiny.encode(image), {})
                written.append(row['name'])
    write_manifest(out)
    atomic_write(settings, out / SETTINGS)
    return written
