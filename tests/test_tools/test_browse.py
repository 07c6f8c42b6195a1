import sys

import numpy as np
import pytest
import torch
from annotated_people import make_document, write_document
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample
from parity import ROOT

sys.path.insert(0, str(ROOT / 'tools' / 'dataset'))

from browse import SampleDrawer, browse, build_dataset, overlay_heatmaps, spread_indices

HEIGHT, WIDTH = 64, 48
META = dict(
    keypoint_colors=[(255, 0, 0), (0, 255, 0), (0, 0, 255)],
    skeleton_links=[(0, 1)],
    skeleton_link_colors=[(255, 255, 0)],
)


@pytest.fixture(autouse=True)
def scope(mmpose_scope):
    """Bare type names mean those of mmpose."""


def make_config(folder, vocabulary='coco', **codec):
    """A train loader over two people, with flip and targets."""
    path = write_document(folder, make_document(vocabulary, 2))
    codec = dict(
        type='UDPHeatmap',
        input_size=(WIDTH, HEIGHT),
        heatmap_size=(WIDTH // 4, HEIGHT // 4),
        **codec,
    )
    dataset = dict(
        type='mmsapiens.CheckedCocoDataset',
        ann_file=path,
        data_prefix=dict(img=str(folder)),
        pipeline=[
            dict(type='LoadImage'),
            dict(type='GetBBoxCenterScale'),
            dict(type='RandomFlip', prob=1.0),
            dict(type='TopdownAffine', input_size=(WIDTH, HEIGHT)),
            dict(type='GenerateTarget', encoder=codec),
            dict(type='PackPoseInputs'),
        ],
    )
    return Config(dict(default_scope='mmpose', train_dataloader=dict(dataset=dataset)))


def make_sample(visible, weights):
    """A gray image with three keypoints."""
    sample = PoseDataSample()
    points = np.array([[[10, 10], [30, 40], [20, 50]]], dtype=np.float32)
    sample.gt_instances = InstanceData(
        keypoints=points * 9,
        transformed_keypoints=points,
        keypoints_visible=np.array([visible], dtype=np.float32),
    )
    sample.gt_instance_labels = InstanceData(keypoint_weights=torch.tensor([weights]))
    inputs = torch.full((3, HEIGHT, WIDTH), 100, dtype=torch.uint8)
    return dict(inputs=inputs, data_samples=sample)


def test_visible_keypoints_are_drawn_where_the_transform_put_them():
    drawer = SampleDrawer(None, META)
    image = drawer.draw(make_sample([1, 1, 1], [1.0, 1.0, 1.0]))
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image[10, 10].tolist() == [255, 0, 0]
    assert image[40, 30].tolist() == [0, 255, 0]
    assert image[50, 20].tolist() == [0, 0, 255]
    assert image[25, 20].tolist() == [255, 255, 0]
    assert image[60, 5].tolist() == [100] * 3


@pytest.mark.parametrize(
    'visible, weights', [([1, 0, 1], [1.0, 1.0, 1.0]), ([1, 1, 1], [1.0, 0.0, 1.0])]
)
def test_invisible_or_unweighted_keypoints_are_not_drawn(visible, weights):
    image = SampleDrawer(None, META).draw(make_sample(visible, weights))
    assert image[10, 10].tolist() == [255, 0, 0]
    assert image[40, 30].tolist() == [100] * 3
    assert image[25, 20].tolist() == [100] * 3  # nor a link to it


def test_sizes_of_the_config_are_kept():
    cfg = dict(type='PoseLocalVisualizer', radius=9, line_width=4)
    drawer = SampleDrawer(cfg, META)
    drawer.draw(make_sample([1, 1, 1], [1.0, 1.0, 1.0]))
    assert (drawer.visualizer.radius, drawer.visualizer.line_width) == (9, 4)


def test_sum_of_heatmaps_lies_over_the_image():
    sample = PoseDataSample()
    heatmaps = torch.zeros(2, 4, 4)
    heatmaps[0, 0, 0] = heatmaps[1, 0, 0] = 0.5
    sample.gt_fields = PixelData(heatmaps=heatmaps)
    image = overlay_heatmaps(np.zeros((16, 16, 3), np.uint8), sample)
    red, blue = image[0, 0], image[15, 15]
    assert red[0] > 50 and red[2] == 0
    assert blue[2] > 50 and blue[0] == 0
    with pytest.raises(ValueError, match='target heatmaps'):
        overlay_heatmaps(image, PoseDataSample())


def test_images_are_those_after_augmentation(tmp_path):
    images = list(browse(make_config(tmp_path), with_heatmaps=True))
    names = [name for name, _, _ in images]
    assert names == ['000000_0_1000.png', '000001_1_1001.png']
    for _, image, _ in images:
        assert image.shape == (HEIGHT, 2 * WIDTH, 3)
        assert image.dtype == np.uint8
    dataset = build_dataset(make_config(tmp_path), 'train')
    instances = dataset[0]['data_samples'].gt_instances
    points = instances.transformed_keypoints[0]
    assert points[5, 0] > points[6, 0]  # flipped: left shoulder still left
    assert (points >= 0).all() and (points < [WIDTH, HEIGHT]).all()


def test_combined_datasets_are_browsed(tmp_path):
    cfg = make_config(tmp_path)
    inner = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
        datasets=[inner, inner],
        pipeline=[],
    )
    assert len(list(browse(cfg, number=3))) == 3


def test_samples_are_spread_over_the_data():
    assert spread_indices(100, 3) == [0, 50, 99]
    assert spread_indices(2, 20) == [0, 1]
    assert spread_indices(5, 1) == [0]


def test_configs_that_cannot_be_browsed_are_refused(tmp_path):
    cfg = make_config(tmp_path)
    with pytest.raises(ValueError, match='`val_dataloader` of the config'):
        build_dataset(cfg, 'val')
    with pytest.raises(ValueError, match='`mode` must be one of'):
        build_dataset(cfg, 'test')
    with pytest.raises(ValueError, match='`number` must be at least 1'):
        list(browse(cfg, number=0))
    cfg.train_dataloader.dataset.pipeline.pop()
    with pytest.raises(ValueError, match='must end in PackPoseInputs'):
        build_dataset(cfg, 'train')
