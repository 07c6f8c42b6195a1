"""Child processes: what stock packages do alone, and in which order."""

import json
import os
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

# Runs each snippet in a fork, two at a time; the imports of the first argument are paid once.
FORKS = """
import json, os, sys, traceback
setup, snippets, folder = json.loads(sys.stdin.read())
exec(setup, {})

def run(name):
    path = os.path.join(folder, name + '.txt')
    try:
        variables = {}
        exec(snippets[name], variables)
        text = str(variables.get('result', 'done'))
    except BaseException as error:
        text = type(error).__name__ + ': ' + str(error)
        traceback.print_exc()
    with open(path, 'w') as file:
        file.write(text)
    sys.stderr.flush()
    os._exit(0)

waiting, running = list(snippets), 0
while waiting or running:
    if waiting and running < 2:
        name = waiting.pop(0)
        if os.fork() == 0:
            run(name)
        running += 1
    else:
        os.wait()
        running -= 1
"""


def run_forks(folder, setup, snippets):
    """Run each snippet in its own fork of a fresh interpreter.

    Returns the variable ``result`` of each snippet ('done' if it has none) as text, or
    'TypeOfError: message'.
    """
    snippets = {name: dedent(code) for name, code in snippets.items()}
    environment = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
    child = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', FORKS],
        input=json.dumps([dedent(setup), snippets, str(folder)]),
        text=True,
        capture_output=True,
        env=environment,
    )
    assert child.returncode == 0, child.stderr
    results = {}
    for name in snippets:
        path = folder / f'{name}.txt'
        assert path.exists(), f'{name} ended early:\n{child.stderr}'
        results[name] = path.read_text()
    return results


@pytest.fixture(scope='session')
def unsafe_checkpoint(tmp_path_factory):
    """What a resumed run reads: numpy arrays and a HistoryBuffer."""
    path = tmp_path_factory.mktemp('checkpoint') / 'epoch_1.pth'
    torch.save(
        dict(
            state_dict=dict(weight=torch.ones(2)),
            meta=dict(dataset_meta=dict(sigmas=np.full(3, 0.5, np.float32))),
            message_hub=dict(loss=HistoryBuffer([1.0, 2.0], [1, 1])),
        ),
        path,
    )
    return path


@pytest.fixture(scope='session')
def stock(tmp_path_factory, unsafe_checkpoint):
    """What happens without mmsapiens, by the name of the attempt."""
    # Instead of `mmcv._ext`, to get beyond the first defect.
    without_operators = dedent("""
        import sys, types
        class Anything(types.ModuleType):
            def __getattr__(self, name):
                if name.startswith('__'):
                    raise AttributeError(name)
                return print
        sys.modules['mmcv._ext'] = Anything('mmcv._ext')
        """)
    attempts = {
        'import mmcv.ops': 'import mmcv.ops',
        'import mmpose.models': 'import mmpose.models',
        'import mmseg.models': 'import mmseg.models',
        'import mmdet.models': 'import mmdet.models',
        'adjust_hue': """
            import mmcv, numpy as np
            mmcv.adjust_hue(np.zeros((2, 2, 3), np.uint8), -0.1)
            """,
        'draw_circles': without_operators
        + dedent("""
        import numpy as np
        from mmpose.visualization import PoseLocalVisualizer
        visualizer = PoseLocalVisualizer()
        visualizer.set_image(np.zeros((8, 8, 3), np.uint8))
        visualizer.draw_circles(np.array([4, 4]), np.array([2]), 'red')
        """),
        'load': f"""
            from mmengine.runner import CheckpointLoader
            CheckpointLoader.load_checkpoint({str(unsafe_checkpoint)!r})
            """,
    }
    watch = 'import sys; assert "mmsapiens" not in sys.modules\n'
    return run_forks(
        tmp_path_factory.mktemp('stock'),
        'import torch, torchvision, cv2, scipy, matplotlib.pyplot',
        {name: watch + dedent(code) for name, code in attempts.items()},
    )


@pytest.fixture(scope='session')
def forks(tmp_path_factory):
    """:func:`run_forks` in a folder of its own."""

    def run(setup, snippets):
        return run_forks(tmp_path_factory.mktemp('forks'), setup, snippets)

    return run


@pytest.fixture
def is_ours():
    """Whether a function was defined in mmsapiens."""
    return lambda function: function.__globals__['__name__'].startswith('mmsapiens.')
