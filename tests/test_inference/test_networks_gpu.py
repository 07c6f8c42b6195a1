"""Networks of inference on a GPU, beside those on the CPU."""

import numpy as np
import pytest
import torch
from tiny_inference import make_image, people, tiny_task

from mmsapiens import SapiensInferencer

pytestmark = pytest.mark.gpu
BOXES = people((10, 5, 50, 55), (30, 20, 79, 59))


def stream(task, folder, device, dtype='float32', **kwargs):
    config, weights = tiny_task(task, folder)
    inferencer = SapiensInferencer(
        'sapiens-tiny',
        [task],
        configs={task: config},
        weights={task: weights},
        device=device,
        dtype=dtype,
        batch_size=2,
        **kwargs,
    )
    frames = [make_image(60 + 9 * seed, 80, seed).image for seed in range(5)]
    with torch.backends.cudnn.flags(allow_tf32=False):
        return [one.tasks[task] for one in inferencer.stream(frames, people=lambda frame: BOXES)]


@pytest.mark.parametrize('task', ['pose-17', 'seg-28', 'depth', 'normal'])
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_results_are_those_of_the_cpu(task, dtype, tmp_path):
    exact = stream(task, tmp_path, 'cpu')
    found = stream(task, tmp_path, 'cuda', dtype)
    is_exact = dtype == 'float32'
    for one, other in zip(exact, found):
        if task == 'pose-17':
            rtol = 1e-3 if is_exact else 0.1
            np.testing.assert_allclose(other.scores, one.scores, rtol=rtol)
        elif task == 'seg-28':
            share = 0.999 if is_exact else 0.9
            assert (one.values == other.values).mean() > share
        else:
            atol = (1e-3 if is_exact else 0.1) * np.ptp(one.values)
            np.testing.assert_allclose(other.values, one.values, atol=atol)


def test_a_compiled_network_takes_any_number(tmp_path):
    plain = stream('depth', tmp_path, 'cuda')
    compiled = stream('depth', tmp_path, 'cuda', compile=True)
    for one, other in zip(plain, compiled):
        np.testing.assert_allclose(other.values, one.values, atol=1e-3 * np.ptp(one.values))
