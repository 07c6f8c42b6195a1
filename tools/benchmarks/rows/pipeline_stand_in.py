"""Row: from file to file around a network that only takes its time."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from harness import Measurement, Settings, benchmark

SECONDS = 0.03
"""What the network takes for a person; two cores could feed one twice as fast.
"""
DISK_SECONDS = 0.02
"""What a slow disk takes to give a file its name, as one on a network; several at a time."""
BATCH, BATCHES = 16, 40


class StandIn:
    """A pose network whose device waits instead of computing.

    Args:
        network (TaskNetwork): Does everything else.
        seconds (float): For each person.

    Attributes:
        start (float): When the first batch came.
    """

    at_once = 2  # as on a GPU

    def __init__(self, network: Any, seconds: float) -> None:
        import numpy as np

        self.network, self.seconds = network, seconds
        self.start = float('inf')
        self._device = threading.Lock()
        count = len(network.row.keypoint_set)
        rng = np.random.default_rng(0)
        self._points = 768 * rng.random((count, 2)).astype(np.float32)
        self._scores = rng.random(count).astype(np.float32)

    def __getattr__(self, name: str) -> Any:
        """All but the forward pass."""
        return getattr(self.network, name)

    def forward(self, samples: Sequence[Any]) -> list:
        """The same keypoints for everybody, when the device is through."""
        self.start = min(self.start, time.perf_counter())
        with self._device:
            time.sleep(self.seconds * len(samples))
        return [(self._points, self._scores)] * len(samples)


@contextmanager
def slow_disk() -> Iterator[None]:
    """Let every file take its time to get its name."""
    replace = os.replace

    def slow_replace(*args: Any) -> None:
        time.sleep(DISK_SECONDS)
        replace(*args)

    with patch.object(os, 'replace', slow_replace):
        yield


@benchmark(
    'pipeline-stand-in',
    work='JPEG in, JSON of 308 keypoints out, around a network that waits '
    f'{1e3 * SECONDS:.0f} ms for each person instead of computing',
    against='that network alone',
    side='inference',
    limit_s=120,
)
def pipeline_stand_in(settings: Settings) -> Iterator[Measurement]:
    """How much of a device's time decoding, crops and files leave to it."""
    from harness.photographs import write_photographs
    from mmsapiens.inference.inferencer import SapiensInferencer
    from mmsapiens.inference.write_run import WriteOptions

    size, batch, batches = '0.3b', BATCH, BATCHES
    if settings.small:
        size, batch, batches = 'tiny', 2, 3
    folder = settings.scratch / 'stand_in'
    shutil.rmtree(folder, ignore_errors=True)
    paths = write_photographs(folder / 'in', batch * batches)
    inferencer = SapiensInferencer(
        f'sapiens-{size}',
        ['pose-308'],
        device='cpu',
        batch_size=batch,
        workers=4,
        random_weights=True,
    )
    real = inferencer.networks['pose-308']

    def run(out: str) -> float:
        network = StandIn(real, SECONDS)
        inferencer.networks['pose-308'] = network
        inferencer.run(
            paths, folder / out, people='image', write=WriteOptions(outputs=('keypoints',))
        )
        return len(paths) / (time.perf_counter() - network.start)

    def line(rate: float, mode: str) -> Measurement:
        return Measurement(
            rate,
            'people/s',
            1 / SECONDS,
            mode=mode,
            higher_is_better=True,
            target=0.85,
            note='stock column: the network alone',
        )

    yield line(run('out'), f'{os.cpu_count()} cores, the disk as it is')
    with slow_disk():
        yield line(run('slow'), f'a disk that takes {1e3 * DISK_SECONDS:.0f} ms for each file')
    shutil.rmtree(folder, ignore_errors=True)
