"""Training of the tiny configs gives the stored losses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
RTOL = 1e-3
"""Kernels for other processors round otherwise, and 20 steps carry that on: AVX2 or neither
instead of AVX-512 deviate by up to 6e-5. A wrong augmentation, rate or loss gives 1e-2 and more."""
EARLY, RTOL_DEPTH = 2, 0.15
"""Depth starts around 0, whose logarithm makes much of rounding: 7e-6 in the second step, 6e-2 in
the 19th, and the norm of its gradient is another one. Only its loss is judged."""


@pytest.mark.slow
def test_losses_are_those_stored(tmp_path):
    stored = json.loads((FOLDER / 'losses.json').read_text())
    command = [sys.executable, FOLDER / 'losses.py', FOLDER.parents[1], tmp_path / 'losses.json']
    environment = dict(os.environ, OMP_NUM_THREADS='1')
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / 'losses.json').read_text())
    assert found.keys() == stored.keys()
    for config, figures in stored.items():
        assert found[config].keys() == figures.keys(), config
        for name, expected in figures.items():
            values = found[config][name]
            if 'depth' in config and 'loss' in name:
                assert values[:EARLY] == pytest.approx(expected[:EARLY], rel=RTOL), (config, name)
                assert values == pytest.approx(expected, rel=RTOL_DEPTH), (config, name)
            elif 'depth' not in config and ('loss' in name or name == 'grad_norm'):
                assert values == pytest.approx(expected, rel=RTOL), (config, name)
