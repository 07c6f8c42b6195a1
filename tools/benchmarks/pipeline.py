#!/usr/bin/env python
"""JPEG in, JSON of 308 keypoints out, against the network alone.

On a CPU the network waits 30 ms for each person instead of computing: how much of a device's time
decoding, crops and files leave to it.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmsapiens import SapiensInferencer
from networks import write_photos
from timing import alternate, show, show_header

SECONDS = 0.03
"""What the network takes for a person; two cores could feed one twice as fast."""
WARM_UP = 4
"""Batches before the clock starts."""


class StandIn:
    """A pose network whose device waits instead of computing.

    Args:
        network (TaskNetwork): Does everything else.
    """

    at_once = 2  # as on a GPU

    def __init__(self, network: Any) -> None:
        self.network = network
        self._device = threading.Lock()
        rng = np.random.default_rng(0)
        self._points = 768 * rng.random((308, 2)).astype(np.float32)
        self._scores = rng.random(308).astype(np.float32)

    def __getattr__(self, name: str) -> Any:
        """All but the forward pass."""
        return getattr(self.network, name)

    def forward(self, samples: Sequence[Any]) -> list:
        """The same keypoints for everybody, when the device is through."""
        with self._device:
            time.sleep(SECONDS * len(samples))
        return [(self._points, self._scores)] * len(samples)


def network_rate(inferencer: SapiensInferencer, batch: int) -> float:
    """People per second of the forward pass alone."""
    from mmsapiens.models.layers import compile_blocks

    torch.backends.cudnn.benchmark = True
    model = inferencer.networks['pose-308'].model
    compile_blocks(model.backbone)
    parameter = next(model.backbone.parameters())
    inputs = torch.randn(batch, 3, 1024, 768).to(parameter)

    @torch.inference_mode()
    def forward() -> Any:
        return model.heads['pose-308'](model.backbone(inputs))

    return batch / alternate({'alone': forward}, 8, 'cuda')['alone'][1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--size', default='0.3b')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--batches', type=int, default=40)
    args = parser.parse_args()
    inferencer = SapiensInferencer(
        f'sapiens-{args.size}',
        ['pose-308'],
        device=args.device,
        dtype='bfloat16' if args.device == 'cuda' else 'float32',
        batch_size=args.batch,
        workers=4,
        flip_test=False,
        random_weights=True,
    )
    if args.device == 'cuda':
        alone = network_rate(inferencer, args.batch)
    else:
        alone = 1 / SECONDS
        inferencer.networks['pose-308'] = StandIn(inferencer.networks['pose-308'])
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = write_photos(Path(folder) / 'in', args.batch * (WARM_UP + args.batches))
        inferencer.run(
            paths,
            Path(folder) / 'out',
            people='image',
            on_item=lambda item: times.append(time.perf_counter()),
        )
    first = WARM_UP * args.batch - 1
    rate = (len(times) - 1 - first) / (times[-1] - times[first])
    show_header(args.device)
    work = f'JPEG to JSON, {args.size}, {os.cpu_count()} cores, against the network alone'
    show(work, 'people/s', rate, alone)


if __name__ == '__main__':
    main()
