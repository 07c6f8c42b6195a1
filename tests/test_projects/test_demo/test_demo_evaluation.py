"""Networks beside baselines on a few images of noise."""

import json
import os
import sys

import numpy as np
import predict
import pytest
import torch
from four_tasks.configs import config_text
from four_tasks.heldout import TOLD_VIEW, evaluate, fit_baselines
from four_tasks.networks import Network
from four_tasks.variants import TASKS, get_variant
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample


@pytest.fixture(scope='module')
def run(renders, lists, tmp_path_factory):
    """A run whose networks have random weights."""
    import mmsapiens  # noqa: F401

    folder = tmp_path_factory.mktemp('run')
    (folder / 'configs').mkdir()
    (folder / 'weights').mkdir()
    (folder / 'lists').symlink_to(lists)
    for task in TASKS:
        path = folder / f'configs/{task}.py'
        text = config_text(task, get_variant('fast'), renders, lists)
        path.write_text(text)
        cfg = Config.fromfile(str(path))
        init_default_scope(cfg.default_scope)
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
        torch.save(dict(state_dict=model.state_dict()), folder / f'weights/{task}.pth')
    return folder


@pytest.mark.parametrize(
    ('task', 'key', 'guesses'),
    [
        ('pose', 'PCK', 3),
        ('parsing', 'foreground_iou', 1),
        ('depth', 'depth/abs_rel', 2),
        ('normal', 'normal/pixel/mean', 2),
    ],
)
def test_figures_of_network_and_baselines(task, key, guesses, run, renders, lists):
    network = predict.load_network(run, task)
    figures, kept = evaluate(network, renders, lists, {'0008'})
    assert len(figures) == 1 + guesses
    assert all(np.isfinite(found[key]) for found in figures.values())
    assert list(kept) == ['0008'] and set(kept['0008']) == set(figures)


def test_mean_pose_of_a_view_by_hand(renders, lists):
    document = json.loads((lists / 'train.json').read_text())
    faces = [person for person in document['annotations'] if person['image_id'] // 2 % 2 == 0]
    points = np.array([p['keypoints'] for p in faces]).reshape(-1, 17, 3)
    boxes = np.array([p['bbox'] for p in faces])
    shares = (points[..., :2] - boxes[:, None, :2]) / boxes[:, None, 2:]
    sample = PoseDataSample(metainfo=dict(img_path='images/0004.png'))
    sample.gt_instances = InstanceData(bboxes=np.array([[0, 0, 10, 20]]))
    sample.pred_instances = InstanceData(keypoint_scores=np.zeros((1, 17)))
    guess = fit_baselines('pose', renders, lists)[TOLD_VIEW](sample)
    np.testing.assert_allclose(guess.keypoints[0], shares.mean(0) * [10, 20])


def test_mean_normal_by_hand(run, renders, lists):
    figures, _ = evaluate(predict.load_network(run, 'normal'), renders, lists, set())
    # Training: four even and five odd people, of as many pixels each; the test: even ones, which
    # face the camera.
    mean = (np.array([0, 0, 1]) * 3 + np.array([0.6, 0, 0.8]) * 6) / 9
    angle = np.degrees(np.arccos(mean[2] / np.linalg.norm(mean)))
    found = figures['mean normal']['normal/pixel/mean']
    assert found == pytest.approx(angle, abs=0.01)


def test_prediction_writes_images_and_its_result_last(run, renders, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, 'SHOWN', 2)
    predict.run_heldout(run, renders)
    document = json.loads((run / 'heldout.json').read_text())
    assert document['names'] == ['0004', '0012']
    for task in TASKS:
        for row in document['tasks'][task]['rows']:
            for cell in row:
                assert (run / 'heldout' / cell['file']).is_file()
    from four_tasks.photographs import use_portrait

    predict.run_photographs(run, use_portrait(tmp_path / 'p'), 2, tmp_path)
    rows = json.loads((tmp_path / 'photographs.json').read_text())['rows']
    assert len(rows) == 1 and set(rows[0]['files']) == {'input', *TASKS}
    for file in rows[0]['files'].values():
        assert (tmp_path / file).is_file()


def test_networks_do_not_disturb_each_other(run, renders):
    pose, normal = (predict.load_network(run, t) for t in ('pose', 'normal'))
    path = renders / 'images/0004.png'
    box = np.array([4.0, 4, 40, 60])
    assert isinstance(pose, Network)
    assert pose.see(path, box).shape == (17, 3)
    assert normal.see(path, box).shape == (3, 64, 48)
    assert pose.see(path, box).shape == (17, 3)


def test_command_line_explains_itself():
    import subprocess

    folder = os.path.dirname(predict.__file__)
    for name in ('demo.py', 'predict.py'):
        text = subprocess.run(
            [sys.executable, os.path.join(folder, name), '--help'],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert '--data' in text
