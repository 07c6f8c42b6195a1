"""``mmsapiens infer`` and ``mmsapiens features``."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from parity import data_folder
from tiny_inference import ARCH, tiny_task

from mmsapiens.checkpoints import write_checkpoint
from mmsapiens.cli.image_runs import RunProgress
from mmsapiens.cli.main import run
from mmsapiens.inference.write_run import WRITERS
from mmsapiens.models import SapiensViT
from mmsapiens.structures.results import ReadFailure


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Options that give two tasks tiny models."""
    folder = tmp_path_factory.mktemp('models')
    words = ['--model', 'sapiens-tiny', '--tasks', 'pose-17,depth']
    for task in ('pose-17', 'depth'):
        config, weights = tiny_task(task, folder)
        words += ['--config', f'{task}={config}']
        words += ['--weights', f'{task}={weights}']
    return [*words, '--device', 'cpu', '--people', 'image', '--quiet']


@pytest.fixture(scope='module')
def folder():
    return str(data_folder() / 'coco_sample')


def test_a_folder_of_photographs(model, folder, tmp_path, capsys):
    out = tmp_path / 'out'
    assert run(['infer', folder, *model, '--out', str(out)]) == 0
    shown = capsys.readouterr().out
    assert '4 images and frames done' in shown and str(out) in shown
    assert len(list((out / 'depth').glob('*.npy'))) == 4
    assert len(list((out / 'panel').glob('*.jpg'))) == 4
    command = ['infer', folder, *model, '--out', str(out), '--json']
    assert run(command) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary['done'], summary['skipped']) == (0, 4)
    assert summary['tasks'] == ['pose-17', 'depth']


def test_an_input_that_cannot_be_read(model, folder, tmp_path, capsys):
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'nothing')
    words = ['infer', str(bad), folder, *model, '--out', str(tmp_path / 'out')]
    words += ['--outputs', 'keypoints,maps', '--map-format', 'png']
    assert run([*words, '--json']) == 1
    summary = json.loads(capsys.readouterr().out)
    assert [one['name'] for one in summary['failed']] == ['bad']
    assert summary['done'] == 4
    written = {path.name for path in (tmp_path / 'out').iterdir()}
    assert {'pose-17', 'depth', 'coco', 'manifest.json'} <= written
    assert not {'panel', 'depth_overlay'} & written
    assert run([*words, '--strict']) == 1
    assert 'reading of bad' in capsys.readouterr().err


@pytest.mark.parametrize(
    'words, text',
    [
        (['--model', 'sapiens-9b'], "but got 'sapiens-9b'"),
        (['--tasks', 'hair'], "but got 'hair'"),
        (['--weights', 'depth'], 'must be TASK=PATH'),
        (['--weights', 'depth=a', '--weights', 'depth=b'], 'given twice'),
        (['--people', 'everybody'], 'there is no such file'),
        (['--outputs', 'films'], "'films'"),
        (['--max-people', '0'], '0 is not in the range'),
    ],
)
def test_wrong_options_end_with_2(model, folder, tmp_path, words, text, capsys):
    if '--weights' in words:
        command = ['infer', folder, *words]
    else:
        command = ['infer', folder, *model, '-o', str(tmp_path / 'o'), *words]
    assert run(command) == 2
    assert text in capsys.readouterr().err


def test_the_category_of_people_may_be_named(model, folder, tmp_path, capsys):
    names = sorted(name for name in os.listdir(folder) if name.endswith('.jpg'))
    doc = dict(
        images=[dict(id=1, file_name=names[0])],
        categories=[dict(id=3, name='dancer'), dict(id=4, name='ball')],
        annotations=[dict(id=c, image_id=1, category_id=c, bbox=[9, 9, 50, 60]) for c in (3, 4)],
    )
    people = tmp_path / 'boxes.json'
    people.write_text(json.dumps(doc))
    command = ['infer', os.path.join(folder, names[0]), *model, '--people', str(people)]
    command += ['--outputs', 'keypoints', '-o', str(tmp_path / 'out'), '--json']
    assert run(command) == 2
    assert '--category' in capsys.readouterr().err
    assert run([*command, '--category', 'dancer']) == 0
    assert json.loads(capsys.readouterr().out)['people'] == 1
    assert run([*command, '--category', '3']) == 0
    assert json.loads(capsys.readouterr().out)['skipped'] == 1
    assert run([*command, '--category', 'cat']) == 2
    assert "but got 'cat'" in capsys.readouterr().err
    words = ['--people', 'image', '--category', 'dancer', '--overwrite']
    assert run([*command, *words]) == 0
    assert '--category changes nothing' in capsys.readouterr().err


def test_missing_input_ends_with_2(model, tmp_path, capsys):
    command = ['infer', str(tmp_path / 'no'), *model, '-o', str(tmp_path)]
    assert run(command) == 2
    assert 'does not exist' in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done(model, folder, tmp_path):
    """A long list of inputs, interrupted when the first results are there."""
    out = tmp_path / 'out'
    inputs = sorted(os.listdir(folder))
    inputs = [os.path.join(folder, name) for name in inputs if '.jpg' in name]
    command = [sys.executable, '-m', 'mmsapiens', 'infer', *inputs * 200]
    child = subprocess.Popen(
        [*command, *model, '--out', str(out), '--outputs', 'keypoints'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while child.poll() is None and not list(out.glob('pose-17/*.json')):
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=600)
    finally:
        child.kill()
    assert child.returncode == 130
    assert errors.strip().splitlines()[-1] == 'error: interrupted'
    done = len(list(out.glob('pose-17/*.json')))
    assert 0 < done < 800
    manifest = json.loads((out / 'manifest.json').read_text())
    # Files may be there before they are noted; the next run makes them again.
    noted = manifest['counts']['done']
    assert max(0, done - WRITERS - 1) <= noted <= done
    assert not list(out.rglob('*.partial'))


def test_features_of_a_folder(folder, tmp_path, capsys, monkeypatch):
    from mmsapiens.models import archs

    monkeypatch.setitem(archs.SAPIENS_ARCHS, 'sapiens_test', ARCH)
    encoder = SapiensViT('sapiens_test', img_size=64, with_cls_token=True)
    weights = tmp_path / 'encoder.safetensors'
    write_checkpoint({k: torch.ones_like(v) for k, v in encoder.state_dict().items()}, weights)
    out = tmp_path / 'out'
    command = ['features', folder, '--weights', str(weights), '--out']
    command += [str(out), '--size', '64', '48', '--device', 'cpu', '-q']
    command += ['-k', 'dense', '-k', 'cls', '--json']
    assert run(command) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary['done'] == 4 and summary['kinds'] == ['dense', 'cls']
    paths = sorted((out / 'dense').glob('*.npy'))
    assert np.load(paths[0]).shape == (32, 4, 3)
    assert len(list((out / 'cls').glob('*.npy'))) == 4


def test_help_starts_no_torch():
    code = (
        'import sys; from mmsapiens.cli.main import run; '
        "run(['infer', '--help']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == 'False'


def test_no_bar_but_on_a_terminal(capfd):
    with RunProgress(quiet=False) as progress:
        progress.start(1)
        progress.item(ReadFailure('a', 'in/a.jpg', 'is an empty file'))
    assert capfd.readouterr().err == 'cannot read in/a.jpg: is an empty file\n'
