"""Rows: how long it takes until anything happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from harness import Measurement, Settings, alternate, benchmark
from harness.children import run_in_child


def _run(*args: str) -> None:
    environment = dict(os.environ, OMP_NUM_THREADS='1')
    subprocess.run([sys.executable, *args], check=True, capture_output=True, env=environment)


@benchmark(
    'cold-import',
    work='`import mmsapiens` in a new process',
    against='`import mmpose`',
    side='inference',
    devices=('cpu', 'cuda'),
)
def cold_import(settings: Settings) -> Iterator[Measurement]:
    """Interpreter start included on both sides."""
    stock = 'import mmsapiens, mmpose.apis'  # ours makes it importable
    timings = alternate(
        {'ours': lambda: _run('-c', 'import mmsapiens'), 'stock': lambda: _run('-c', stock)},
        repeat=2,
    )
    yield Measurement(
        timings['ours'].median, 's', timings['stock'].median, first_s=timings['ours'].first_s
    )


@benchmark(
    'cold-help',
    work='`mmsapiens --help` in a new process',
    against='one second',
    side='inference',
    devices=('cpu', 'cuda'),
)
def cold_help(settings: Settings) -> Iterator[Measurement]:
    """Interpreter start included."""
    timings = alternate({'ours': lambda: _run('-m', 'mmsapiens', '--help')}, repeat=4)
    yield Measurement(timings['ours'].median, 's', 1.0, target=1, first_s=timings['ours'].first_s)


def first_prediction(side: str, photo: str) -> float:
    """Predict once in this process; a number that both sides must give."""
    if side == 'ours':
        from mmsapiens.inference.inferencer import SapiensInferencer

        inferencer = SapiensInferencer(
            'sapiens-tiny', random_weights=True, flip_test=False, device='cpu'
        )
        result = next(iter(inferencer.stream([photo], people='image')))
        return float(len(result.tasks['pose-308'].keypoints))
    from harness.pose_models import build_stock, config_of
    from mmpose.apis import inference_topdown

    cfg = config_of(small=True)
    cfg.model.test_cfg.flip_test = False
    return float(len(inference_topdown(build_stock(cfg), photo)))


@benchmark(
    'cold-first',
    work='first keypoints of a new process, tiny model',
    against='stock estimator and `inference_topdown`',
    side='inference',
    devices=('cpu', 'cuda'),
)
def cold_first(settings: Settings) -> Iterator[Measurement]:
    """Imports, building and one photograph; no weights are read."""
    import cv2
    import numpy as np

    photo = str(settings.scratch / 'cold.jpg')
    cv2.imwrite(photo, np.full((256, 192, 3), 128, np.uint8))
    timings = alternate(
        {
            side: partial(run_in_child, 'rows.cold_start', 'first_prediction', side, photo)
            for side in ('ours', 'stock')
        },
        repeat=1 if settings.small else 2,
        most_s=60,
    )
    yield Measurement(
        timings['ours'].median, 's', timings['stock'].median, first_s=timings['ours'].first_s
    )
