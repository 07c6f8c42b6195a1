"""The stock inferencers run our configs and give our numbers."""

import numpy as np
import pytest
from mmpose.apis import MMPoseInferencer
from mmseg.apis import MMSegInferencer
from parity import ROOT, data_folder
from tiny_inference import random_weights, tiny_config, tiny_task

from mmsapiens import SapiensInferencer
from mmsapiens.models.tasks import TASKS

DENSE = ('seg-28', 'depth', 'normal')


@pytest.fixture(scope='module')
def photograph():
    return str(sorted((data_folder() / 'coco_sample').glob('*.jpg'))[0])


def ours(task, config, weights, photograph):
    inferencer = SapiensInferencer(
        'sapiens-tiny', [task], configs={task: config}, weights={task: weights}, device='cpu'
    )
    (result,) = inferencer.stream(photograph, people='image')
    return result.tasks[task]


@pytest.mark.parametrize('task', ['pose-17', 'pose-133', 'pose-308'])
def test_mmpose_inferencer(task, photograph, tmp_path):
    config, weights = tiny_task(task, tmp_path)
    inferencer = MMPoseInferencer(
        pose2d=str(config), pose2d_weights=str(weights), det_model='whole_image', device='cpu'
    )
    answer = next(inferencer(photograph, return_vis=True, out_dir=str(tmp_path)))
    (person,) = answer['predictions'][0]
    expected = ours(task, config, weights, photograph)
    np.testing.assert_allclose(person['keypoint_scores'], expected.scores[0], rtol=1e-4)
    np.testing.assert_allclose(person['keypoints'], expected.keypoints[0], atol=0.1, rtol=2e-3)
    assert answer['visualization'][0].ndim == 3
    assert list((tmp_path / 'predictions').glob('*.json'))


def test_mmpose_inferencer_with_our_detector(photograph, tmp_path):
    config, weights = tiny_task('pose-17', tmp_path)
    detector = ROOT / 'configs/detection/rtmdet-m_8xb32-100e_person-640x640.py'
    inferencer = MMPoseInferencer(
        pose2d=str(config),
        pose2d_weights=str(weights),
        det_model=str(detector),
        det_cat_ids=0,
        device='cpu',
    )
    answer = next(inferencer(photograph, bbox_thr=0.0))
    assert len(answer['predictions'][0]) > 1


@pytest.mark.parametrize('task', DENSE)
def test_mmseg_inferencer(task, photograph, tmp_path):
    config, weights = tiny_task(task, tmp_path)
    inferencer = MMSegInferencer(model=str(config), weights=str(weights), device='cpu')
    answer = inferencer(photograph, return_vis=True, out_dir=str(tmp_path / 'out'))
    expected = ours(task, config, weights, photograph).values
    found = answer['predictions']
    if task == 'seg-28':
        assert (found == expected).mean() > 0.999
        assert len(inferencer.model.dataset_meta['classes']) == 28
    elif task == 'normal':
        # Short vectors, scaled to length 1, multiply the rounding of the processor.
        error = np.abs(found.transpose(1, 2, 0) - expected)
        assert error.max() <= 1e-3 and np.quantile(error, 0.999) <= 1e-4
    else:
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert answer['visualization'].dtype == np.uint8
    assert len(list((tmp_path / 'out' / 'vis').iterdir())) == 1
    assert len(list((tmp_path / 'out' / 'pred').iterdir())) == 1


def test_mmseg_inferencer_with_several_images(photograph, tmp_path):
    config, weights = tiny_task('normal', tmp_path)
    inferencer = MMSegInferencer(model=str(config), weights=str(weights), device='cpu')
    answer = inferencer([photograph, photograph])
    assert [maps.shape[0] for maps in answer['predictions']] == [3, 3]
    samples = inferencer(photograph, return_datasamples=True)
    assert 'pred_normal_map' in samples


def test_classes_of_a_checkpoint_come_first(tmp_path):
    config = tiny_config('seg-28', tmp_path)
    meta = dict(
        dataset_meta=dict(
            classes=tuple(f'part {index}' for index in range(28)),
            palette=[[index, 0, 0] for index in range(28)],
        )
    )
    weights = random_weights(config, tmp_path / 'a.pth', meta=meta)
    inferencer = MMSegInferencer(model=str(config), weights=str(weights), device='cpu')
    assert inferencer.model.dataset_meta['classes'][3] == 'part 3'


@pytest.mark.parametrize('task', TASKS)
def test_every_config_has_what_they_look_for(task):
    from mmengine.config import Config

    for size in ('tiny', '1b'):
        cfg = Config.fromfile(ROOT / 'configs' / TASKS[task].config_of(size))
        if TASKS[task].is_pose:
            assert (cfg.data_mode, cfg.dataset_type) == ('topdown', 'CocoDataset')
        else:
            assert cfg.test_pipeline[0].type == 'LoadImageFromFile'
            assert cfg.visualizer.type == 'mmsapiens.DenseVisualizer'
