"""Rows: from files to a batch in shared memory, on one core."""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

from harness import Measurement, Settings, alternate, benchmark

BATCH = 8
IMAGES = ((1024, 768), (2048, 1536))
"""Height and width of the images in the files."""

TARGETS = {'pose': 2.0, 'parsing': 1.5, 'depth': 1.5, 'normal': 1.5}
SLOWEST = 4
"""Steps of ours that the note names."""


def _loaders(task: str, settings: Settings) -> Iterator[Measurement]:
    import cv2
    import torch
    from training.loaders import Loader
    from training.models import config_of
    from training.images import Folder

    for part in ('mmsapiens.pose', 'mmsapiens.dense'):
        importlib.import_module(part)
    from mmsapiens.pose.datasets import Goliath308Dataset

    meta = Goliath308Dataset._load_metainfo(Goliath308Dataset.METAINFO)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cfg = config_of(task, '0.3b')
    for size in ((256, 192),) if settings.small else IMAGES:
        height, width = size
        folder = Folder(Path(settings.scratch) / f'images_{height}x{width}', size)
        loaders = {
            name: Loader(task, cfg, folder, name == 'stock', meta) for name in ('ours', 'stock')
        }
        rounds = {'ours': 0, 'stock': 0}

        def load(name: str, loaders: dict = loaders, rounds: dict = rounds) -> None:
            # Both sides see the same draws, other ones in each round.
            random.seed(rounds[name])
            loaders[name].batch(BATCH, rounds[name])
            rounds[name] += 1

        timings = alternate(
            {name: lambda name=name: load(name) for name in loaders},
            repeat=1 if settings.small else 2 * settings.repeat,
            clock=time.process_time,
        )
        parts = loaders['ours'].profile(1 if settings.small else 8)
        slowest = sorted(parts, key=lambda name: -parts[name])[:SLOWEST]
        words = ', '.join(f'{n} {1e3 * parts[n]:.1f} ms' for n in slowest)
        yield Measurement(
            BATCH / timings['ours'].median,
            'images/s',
            BATCH / timings['stock'].median,
            mode=f'{task}, images of {height}x{width}',
            higher_is_better=True,
            target=TARGETS[task],
            note=words,
        )
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)


def _register(task: str) -> None:
    @benchmark(
        f'train-loader-{task}',
        work=f'loader, {task}, files to a batch of {BATCH} in shared memory, one core',
        against='stock transforms of the same recipe',
        side='training',
        limit_s=240,
    )
    def _row(settings: Settings) -> Iterator[Measurement]:
        yield from _loaders(task, settings)


for _task in TARGETS:
    _register(_task)
