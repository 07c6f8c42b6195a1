"""A stock project trains with the Sapiens backbone, by either name."""

import difflib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
from parity import ROOT

PROJECT = ROOT / 'projects/example_mmpose'
STOCK_TRAIN = Path(mmpose.__file__).parent / '.mim/tools/train.py'


def write_data(folder):
    """Two people on two random images."""
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    images, annotations = [], []
    for index in (1, 2):
        name = f'{index}.png'
        image = rng.integers(0, 256, (64, 48, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'images' / name), image)
        images.append(dict(id=index, file_name=name, width=48, height=64))
        annotations.append(
            dict(
                id=index,
                image_id=index,
                category_id=1,
                iscrowd=0,
                area=2000,
                bbox=[4, 4, 40, 56],
                num_keypoints=4,
                keypoints=[30, 16, 2, 16, 16, 2, 28, 40, 2, 18, 40, 2],
            )
        )
    doc = dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')])
    (folder / 'annotations.json').write_text(json.dumps(doc))


def test_three_lines_differ():
    stock, ours = (
        (PROJECT / name).read_text().splitlines()
        for name in ('torso_resnet.py', 'torso_sapiens.py')
    )
    changed = [line for line in difflib.ndiff(stock, ours) if line.startswith(('- ', '+ '))]
    assert len(changed) == 6
    readme = (PROJECT / 'README.md').read_text()
    for line in changed:
        assert line[0] + line[2:] in readme


@pytest.mark.parametrize('name', ['SapiensViT', 'mmsapiens.SapiensViT'])
@pytest.mark.parametrize('tool', [STOCK_TRAIN, ROOT / 'tools/train.py'], ids=['stock', 'ours'])
def test_trains_two_iterations(name, tool, tmp_path):
    write_data(tmp_path / 'data/torso')
    command = [
        *(sys.executable, tool, PROJECT / 'torso_sapiens.py'),
        *('--work-dir', tmp_path / 'work'),
        '--cfg-options',
        f'model.backbone.type={name}',
        'model.backbone.arch=sapiens_tiny',
        'model.head.in_channels=192',
        'train_cfg.max_epochs=2',
        'default_hooks.logger.interval=1',
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(PROJECT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert 'Epoch(train) [2][1/1]' in done.stderr + done.stdout
    assert (tmp_path / 'work/epoch_2.pth').is_file()
