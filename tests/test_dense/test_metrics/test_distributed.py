import json
import math
import os
import subprocess
import sys
from pathlib import Path

import distributed_figures
import pytest


@pytest.fixture(scope='module')
def three_processes(tmp_path_factory):
    """Figures of three gloo processes: with padding, and without."""
    folder = tmp_path_factory.mktemp('figures')
    script = Path(distributed_figures.__file__).resolve()
    launcher = ['-m', 'torch.distributed.run', '--standalone']
    child = subprocess.run(
        [sys.executable, '-W', 'ignore', *launcher, '--nproc_per_node', '3']
        + [str(script), str(folder / 'figures.json')],
        cwd=folder,  # mmengine makes a folder for the parts there
        text=True,
        capture_output=True,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
    )
    assert child.returncode == 0, child.stderr[-5000:]
    return json.loads((folder / 'figures.json').read_text())


def test_figures_of_three_processes_are_those_of_one(three_processes):
    alone = distributed_figures.evaluate(round_up=True)
    alone = {name: float(value) for name, value in alone.items()}
    assert len(alone) == 3 + 5 + 5 + 14
    assert all(math.isfinite(value) for value in alone.values())
    for figures in three_processes:
        assert figures == alone  # to the last bit
