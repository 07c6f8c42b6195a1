"""RTMDet finds boxes without a compiled mmcv."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from parity import ROOT, data_folder

from mmsapiens.checkpoints import write_checkpoint
from mmsapiens.detection.detector import CONFIG, PersonDetector, clipped_people, nms
from mmsapiens.structures.results import Image


@pytest.fixture(scope='module')
def config():
    """The released detector, a quarter as wide."""
    cfg = Config.fromfile(ROOT / 'configs' / CONFIG)
    cfg.model.backbone.update(deepen_factor=0.167, widen_factor=0.125)
    cfg.model.neck.update(in_channels=[32, 64, 128], out_channels=32, num_csp_blocks=1)
    cfg.model.bbox_head.update(in_channels=32, feat_channels=32)
    return cfg


@pytest.fixture(scope='module')
def frames():
    folder = data_folder() / 'coco_sample'
    paths = sorted(folder.glob('*.jpg'))[:2]
    return [Image(cv2.imread(str(p)), p.stem, str(p)) for p in paths]


def test_there_is_no_compiled_mmcv():
    from mmcv.ops import get_compiler_version

    assert get_compiler_version() == 'none (mmcv-lite)'


def test_random_weights_find_boxes_on_photographs(config, frames):
    torch.manual_seed(0)
    detector = PersonDetector(config, None, score_threshold=0.0, nms_threshold=0.1, max_people=9)
    found = detector(frames)
    for people, frame in zip(found, frames):
        height, width = frame.size_hw
        assert people.origin == 'detector' and len(people) == 9
        assert people.boxes.dtype == people.scores.dtype == np.float32
        assert (people.boxes >= 0).all()
        assert (people.boxes <= [width, height, width, height]).all()
        assert (np.diff(people.scores) <= 0).all()
        boxes = torch.as_tensor(people.boxes)
        assert len(nms(boxes, torch.ones(9), 0.1)) == 9
    # The size of one image does not matter to the other.
    (alone,) = detector(frames[1:])
    np.testing.assert_allclose(alone.boxes, found[1].boxes, atol=0.05)


def test_nobody_is_found_above_every_score(config, frames):
    detector = PersonDetector(config, None, score_threshold=1.0)
    people = detector(frames[:1])[0]
    assert people.boxes.shape == (0, 4) and people.scores.shape == (0,)


def test_the_detector_sees_bgr(config, frames):
    detector = PersonDetector(config, None)
    sample = detector.prepare(frames[0])
    top_left = sample['inputs'][:, 0, 0].tolist()
    scale = 640 / max(frames[0].size_hw)
    resized = cv2.resize(frames[0].image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    assert top_left == pytest.approx(resized[0, 0].tolist(), abs=1)
    data = detector.model.data_preprocessor(
        dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
    )
    blue = (top_left[0] - 103.53) / 57.375
    assert data['inputs'][0, 0, 0, 0].item() == pytest.approx(blue, abs=1e-4)


def test_weights_come_from_a_file(config, frames, tmp_path):
    torch.manual_seed(1)
    first = PersonDetector(config, None, score_threshold=0.0, max_people=5)
    path = write_checkpoint(first.model.state_dict(), tmp_path / 'detector.pth')
    second = PersonDetector(config, path, score_threshold=0.0, max_people=5)
    np.testing.assert_array_equal(first(frames[:1])[0].boxes, second(frames[:1])[0].boxes)
    other = write_checkpoint(dict(weight=torch.zeros(2)), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='other.pth are not those of the de'):
        PersonDetector(config, other)


def test_boxes_outside_are_left_out_and_others_cut_off():
    people = clipped_people(
        np.array([[-5, 2, 30, 40], [50, 50, 60, 60]]), np.array([0.5, 0.6]), (20, 25), 'detector'
    )
    assert people.boxes.tolist() == [[0, 2, 25, 20]]
    assert people.scores.tolist() == [0.5]


def test_wrong_arguments_are_refused(config, tmp_path):
    with pytest.raises(ValueError, match=r'`nms_threshold` must be in \[0'):
        PersonDetector(config, None, nms_threshold=2)
    with pytest.raises(ValueError, match='`max_people` must be positive'):
        PersonDetector(config, None, max_people=0)
    with pytest.raises(FileNotFoundError, match='no.py does not exist'):
        PersonDetector(tmp_path / 'no.py', None)
