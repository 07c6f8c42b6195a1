"""Detectors: RTMDet, which needs no compiled mmcv, and those of torchvision."""

import hashlib

import cv2
import numpy as np
import pytest
import torch
from hub_server import serve
from mmengine.config import Config
from parity import ROOT, data_folder

from mmsapiens.checkpoints import write_checkpoint
from mmsapiens.core.file_type import sha256_of
from mmsapiens.detection.detector import (
    TORCHVISION,
    TorchvisionDetector,
    clipped_people,
    fetch_weights,
    make_detector,
)
from mmsapiens.engine.mmdet_detector import CONFIG, MMDetDetector, nms
from mmsapiens.structures.results import Image
from mmsapiens.zoo import DownloadError


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
    detector = MMDetDetector(config, None, score_threshold=0.0, nms_threshold=0.1, max_people=9)
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
    detector = MMDetDetector(config, None, score_threshold=1.0)
    people = detector(frames[:1])[0]
    assert people.boxes.shape == (0, 4) and people.scores.shape == (0,)


def test_the_detector_sees_bgr(config, frames):
    detector = MMDetDetector(config, None)
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
    first = MMDetDetector(config, None, score_threshold=0.0, max_people=5)
    path = write_checkpoint(first.model.state_dict(), tmp_path / 'detector.pth')
    second = MMDetDetector(config, path, score_threshold=0.0, max_people=5)
    np.testing.assert_array_equal(first(frames[:1])[0].boxes, second(frames[:1])[0].boxes)
    other = write_checkpoint(dict(weight=torch.zeros(2)), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='other.pth are not those of the de'):
        MMDetDetector(config, other)


def test_boxes_outside_are_left_out_and_others_cut_off():
    people = clipped_people(
        np.array([[-5, 2, 30, 40], [50, 50, 60, 60]]), np.array([0.5, 0.6]), (20, 25)
    )
    assert people.boxes.tolist() == [[0, 2, 25, 20]]
    assert people.scores.tolist() == [0.5]


def test_wrong_arguments_are_refused(config, tmp_path):
    with pytest.raises(ValueError, match=r'`nms_threshold` must be in \[0'):
        MMDetDetector(config, None, nms_threshold=2)
    with pytest.raises(ValueError, match='`max_people` must be positive'):
        MMDetDetector(config, None, max_people=0)
    with pytest.raises(FileNotFoundError, match='no.py does not exist'):
        MMDetDetector(tmp_path / 'no.py', None)


SMALL = TORCHVISION[1]


def test_a_detector_without_hosts_finds_boxes(frames):
    torch.manual_seed(0)
    detector = TorchvisionDetector(SMALL, score_threshold=0.0, max_people=3)
    detector.model.roi_heads.box_predictor.cls_score.bias[1] = 5  # people everywhere
    for people, frame in zip(detector(frames), frames):
        height, width = frame.size_hw
        assert people.origin == 'detector' and 0 < len(people) <= 3
        assert (people.boxes >= 0).all() and (people.boxes <= [width, height] * 2).all()
        assert (np.diff(people.scores) <= 0).all()
    assert detector.identity['detector'] == SMALL


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Random weights of a detector, under a name with their hash."""
    state = TorchvisionDetector(SMALL).model.state_dict()
    path = tmp_path_factory.mktemp('weights') / 'weights.pth'
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f'{SMALL}-{digest[:8]}.pth'))


def test_a_checkpoint_says_of_which_detector_it_is(weights, config, tmp_path):
    assert make_detector(weights, 'cpu').name == SMALL
    with pytest.raises(ValueError, match='are not those of the detector'):
        other = write_checkpoint(dict(weight=torch.zeros(2)), tmp_path / 'other.pth')
        make_detector(dict(weights=other, config=config), 'cpu')
    assert isinstance(make_detector(dict(config=config), 'cpu', True), MMDetDetector)
    with pytest.raises(ValueError, match='`model` of the detector must be one of'):
        make_detector(dict(model='yolo'), 'cpu')


def test_weights_are_fetched_once_and_verified(weights, tmp_path, monkeypatch):
    for name in ('MMSAPIENS_OFFLINE', 'HF_HUB_OFFLINE', 'HTTP_PROXY', 'http_proxy'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path))
    with serve(weights.read_bytes()) as (hub, address):
        url = f'{address}/models/{weights.name}'
        path = fetch_weights(SMALL, url)
        assert path == fetch_weights(SMALL, url) == tmp_path / 'detector' / weights.name
        assert len(hub.requests) == 1
        assert make_detector(path, 'cpu').identity['sha256'] == sha256_of(weights)
        hub.content = hub.content[:-1]
        with pytest.raises(DownloadError, match='invalid hash value'):
            fetch_weights(SMALL, url.replace(SMALL, 'other'))
        assert [path.name for path in path.parent.iterdir()] == [weights.name]
    monkeypatch.setenv('MMSAPIENS_OFFLINE', '1')
    with pytest.raises(DownloadError, match='forbids the network.*copy the file to'):
        make_detector(SMALL, 'cpu')


def test_rtmdet_needs_mmdet(monkeypatch):
    monkeypatch.setattr('mmsapiens.detection.detector.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'mmsapiens\[detection\]'):
        make_detector('rtmdet', 'cpu')
    assert make_detector(None, 'cpu', allow_random=True).name == TORCHVISION[0]
