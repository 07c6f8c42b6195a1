"""From a copy of an example to drawn results in three commands: copy, train, infer."""

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import mmseg
import numpy as np
import pytest
from parity import ROOT

POSE, PARTS = ROOT / 'projects/example_mmpose', ROOT / 'projects/example_mmseg'
MMSEG_TRAIN = Path(mmseg.__file__).parent / '.mim/tools/train.py'
NAMES = ['left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'head']
TINY = 'model.backbone.arch=sapiens_tiny'


def command(folder, *words):
    """Run a command in a folder, with nothing on the path but this package."""
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    words = [sys.executable, *map(str, words)]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def write_photographs(folder, suffix='.png'):
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for index in (1, 2):
        image = rng.integers(0, 256, (64, 48, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{index}{suffix}'), image)


@pytest.fixture
def birds(tmp_path):
    """A copy of the example with five keypoints instead of four."""
    project = tmp_path / 'birds'
    shutil.copytree(POSE, project)
    changes = {
        'torso_dataset.py': [
            ("'right_hip')", "'right_hip', 'head')"),
            ("dataset_name='torso'", "dataset_name='five'"),
            ('(NAMES[2], NAMES[3])', '(NAMES[2], NAMES[3]), (NAMES[4], NAMES[0])'),
            ('0.107, 0.107]', '0.107, 0.107, 0.05]'),
        ],
        'torso_sapiens.py': [('out_channels=4', 'out_channels=5')],
    }
    for name, pairs in changes.items():
        text = (project / name).read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        (project / name).write_text(text)
    write_photographs(project / 'data/torso/images')
    points = [30, 16, 2, 16, 16, 2, 28, 40, 2, 18, 40, 2, 24, 8, 2]
    person = dict(category_id=1, iscrowd=0, area=2000, bbox=[4, 4, 40, 56], num_keypoints=5)
    document = dict(
        images=[dict(id=i, file_name=f'{i}.png', width=48, height=64) for i in (1, 2)],
        annotations=[dict(person, id=i, image_id=i, keypoints=points) for i in (1, 2)],
        categories=[dict(id=1, name='person')],
    )
    (project / 'data/torso/annotations.json').write_text(json.dumps(document))
    return project


def test_five_keypoints_of_ones_own(birds):
    options = ['model.head.in_channels=192', 'train_cfg.max_epochs=2', 'train_cfg.val_interval=2']
    command(birds, ROOT / 'tools/train.py', 'torso_sapiens.py', '--cfg-options', TINY, *options)
    weights = 'work_dirs/torso_sapiens/epoch_2.pth'
    photograph = 'data/torso/images/1.png'
    words = ['-m', 'mmsapiens', 'infer', photograph, '--people', 'image', '--device', 'cpu']
    command(birds, *words, '--weights', weights)
    meta = json.loads((birds / 'results/pose-five/1.json').read_text())['meta_info']
    assert meta['keypoint_names'] == NAMES and meta['dataset_name'] == 'five'
    assert meta['skeleton_links'] == [[0, 1], [2, 3], [4, 0]]
    (category,) = json.loads((birds / 'results/coco/pose-five_images.json').read_text())[
        'categories'
    ]
    assert category['keypoints'] == NAMES
    for name in ('pose-five_overlay', 'panel'):
        assert cv2.imread(str(birds / f'results/{name}/1.jpg')) is not None
    dumped = 'work_dirs/torso_sapiens/torso_sapiens.py'  # with the options of the command
    config = ['--weights', weights, '--config', dumped, '--out', 'again']
    command(birds, *words, *config)
    first, again = (
        json.loads((birds / f'{name}/pose-five/1.json').read_text())
        for name in ('results', 'again')
    )
    assert first == again


def test_a_module_that_is_nowhere_is_named_in_a_line(birds):
    from mmsapiens.engine.build import read_config

    (birds / 'torso_dataset.py').rename(birds / 'elsewhere.py')
    text = (birds / 'torso_sapiens.py').read_text().replace('torso_dataset', 'nowhere_to_be_found')
    (birds / 'torso_sapiens.py').write_text(text)
    with pytest.raises(ImportError, match='imports a module .*nowhere_to_be_found.*PYTHONPATH'):
        read_config(birds / 'torso_sapiens.py')


def test_three_lines_of_the_segmentor_differ():
    stock, ours = (
        (PARTS / name).read_text().splitlines() for name in ('hair_resnet.py', 'hair_sapiens.py')
    )
    changed = [line for line in difflib.ndiff(stock, ours) if line.startswith(('- ', '+ '))]
    assert len(changed) == 6
    for line in changed:
        assert line[0] + line[2:] in (PARTS / 'README.md').read_text()


def test_three_classes_of_ones_own(tmp_path):
    hair = tmp_path / 'hair'
    shutil.copytree(PARTS, hair)
    write_photographs(hair / 'data/hair/images', '.jpg')
    (hair / 'data/hair/labels').mkdir()
    for index in (1, 2):
        labels = np.random.default_rng(index).integers(0, 3, (64, 48), dtype=np.uint8)
        cv2.imwrite(str(hair / f'data/hair/labels/{index}.png'), labels)
    options = ['model.decode_head.in_channels=192', 'train_cfg.max_iters=2']
    options += ['train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2']
    command(hair, MMSEG_TRAIN, 'hair_sapiens.py', '--cfg-options', TINY, *options)
    words = ['-m', 'mmsapiens', 'infer', 'data/hair/images/1.jpg', '--device', 'cpu']
    words += ['--outputs', 'maps,masks,overlays,panels', '--map-format', 'png']
    command(hair, *words, '--weights', 'work_dirs/hair_sapiens/iter_2.pth')
    labels = cv2.imread(str(hair / 'results/seg-own/1.png'), cv2.IMREAD_UNCHANGED)
    assert labels.shape == (64, 48) and labels.max() <= 2
    mask = cv2.imread(str(hair / 'results/mask/1.png'), cv2.IMREAD_UNCHANGED)
    assert ((mask > 0) == (labels > 0)).all()
    for name in ('seg-own_overlay', 'panel'):
        assert cv2.imread(str(hair / f'results/{name}/1.jpg')) is not None
