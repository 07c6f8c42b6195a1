"""What an installation of the wheel alone can do: run by ``nox -s wheel``, with its Python.

Usage: python wheel_alone.py FOLDER [PHOTOGRAPH]
"""

import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

TASKS = ('pose-308', 'seg-28', 'depth', 'normal')
HOSTS = {'mmengine', 'mmcv', 'mmpose', 'mmseg', 'mmdet', 'mmpretrain'}
MMSAPIENS = str(Path(sys.executable).with_name('mmsapiens'))
LIGHT = """
import sys
{code}
found = {names} & set(sys.modules)
assert not found, found
"""


def run(*words):
    """Run a command and return its seconds and what it printed."""
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{" ".join(words)}\n{done.stdout}{done.stderr}')
    return time.monotonic() - began, done.stdout


def report_installation():
    """Size of the environment, and what must not be in it."""
    names = {dist.metadata['Name'].lower() for dist in distributions()}
    assert not names & {'mmengine', 'mmcv', 'mmcv-lite', 'mmpose', 'mmsegmentation', 'mmdet'}
    assert len([name for name in names if name.startswith('opencv')]) == 1
    packages = Path(sys.prefix, 'lib')
    files = {path.stat().st_ino: path.stat().st_size for path in packages.rglob('*')}
    ours = sum(path.stat().st_size for path in packages.rglob('site-packages/mmsapiens/**/*'))
    print(
        f'{len(names)} distributions, {sum(files.values()) / 1e6:.0f} MB, of which mmsapiens '
        f'{ours / 1e6:.1f} MB'
    )


def report_imports():
    """Seconds of what must import neither torch nor a host."""
    names = HOSTS | {'torch'}
    cases = {
        'import mmsapiens': 'import mmsapiens',
        'mmsapiens --help': "from mmsapiens.cli.main import run\nassert run(['--help']) == 0",
    }
    for what, code in cases.items():
        seconds = min(
            run(sys.executable, '-c', LIGHT.format(code=code, names=names))[0] for _ in range(3)
        )
        print(f'{what}: {seconds:.2f} s, neither torch nor a host')


def write_weights(folder):
    """Random weights of a tiny network for each task, and of the detector."""
    import torch

    from mmsapiens import build_model
    from mmsapiens.detection.detector import TORCHVISION, TorchvisionDetector

    torch.manual_seed(0)
    for task in TASKS:
        torch.save(build_model('sapiens-tiny', [task]).state_dict(), folder / f'{task}.pth')
    detector = TorchvisionDetector(TORCHVISION[1])
    detector.model.roi_heads.box_predictor.cls_score.bias[1] = 5  # people everywhere
    torch.save(detector.model.state_dict(), folder.parent / 'detector.pth')


def main(folder, photograph=None):
    """Install nothing, check everything."""
    import cv2
    import numpy as np

    report_installation()
    report_imports()
    folder = Path(folder).resolve()
    weights = folder / 'weights'
    weights.mkdir(parents=True, exist_ok=True)
    write_weights(weights)
    if photograph is None:
        small = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        photograph = folder / 'photo.jpg'
        cv2.imwrite(str(photograph), cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC))
    words = ['infer', str(photograph), '--model', 'sapiens-tiny', '--tasks', ','.join(TASKS)]
    words += [f'--weights={task}={weights / task}.pth' for task in TASKS]
    words += ['--device', 'cpu', '--overwrite', '--max-people', '2']
    for name, more in (
        ('whole', ['--people', 'image']),
        ('detected', ['--people', 'detect', '--detector', str(folder / 'detector.pth')]),
    ):
        out = folder / name
        seconds, _ = run(MMSAPIENS, *words, '--out', str(out), *more)
        results = sorted(str(path.relative_to(out)) for path in out.rglob('*.*'))
        print(f'mmsapiens infer, {name}: {seconds:.1f} s: {", ".join(results)}')
        assert all(any(task in name for name in results) for task in TASKS), results

    from mmsapiens import SapiensInferencer

    inferencer = SapiensInferencer('sapiens-tiny', TASKS, device='cpu', weights=weights)
    boxes = [[100, 50, 400, 460], [300, 20, 630, 470]]
    (result,) = inferencer.stream(str(photograph), people=boxes)
    for task in TASKS:
        found = result.tasks[task]
        array = found.keypoints if task.startswith('pose') else found.values
        assert np.isfinite(array).all()
        print(f'Python, two given boxes: {task} {array.shape} {array.dtype}')
    assert not HOSTS & set(sys.modules)


if __name__ == '__main__':
    main(*sys.argv[1:])
