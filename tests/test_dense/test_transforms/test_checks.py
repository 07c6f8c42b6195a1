"""Steps refuse what would silently separate an image from its maps."""

import cv2
import numpy as np
import pytest

from mmsapiens.dense import (
    LoadDenseTarget,
    RandomCropFields,
    RandomFlipFields,
    RandomRotateFields,
    ResizeFields,
)


@pytest.mark.parametrize(
    'step',
    [
        RandomCropFields((4, 4)),
        RandomRotateFields(1.0, 30),
        RandomFlipFields(1.0),
        ResizeFields(scale=(6, 6)),
    ],
)
def test_maps_of_another_size_are_refused(step):
    results = dict(
        img=np.zeros((8, 6, 3), np.uint8),
        gt_depth_map=np.zeros((6, 8), np.float32),
        img_path='a.jpg',
    )
    with pytest.raises(ValueError, match=r'a\.jpg must be as large .*\(6, 8'):
        step(results)


@pytest.mark.parametrize('pairs', [[(1, 2), (2, 3)], [(1, 1)], [(1, 255)], [(1, 2, 3)]])
def test_contradicting_pairs_are_refused(pairs):
    with pytest.raises(ValueError, match='`label_pairs` must be pairs'):
        RandomFlipFields(1.0, label_pairs=pairs)


def write_labels(tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, np.uint8([[0, 7, 30, 255]]))
    return dict(seg_map_path=path)


def test_labels_are_looked_up_once(tmp_path):
    results = write_labels(tmp_path)
    step = LoadDenseTarget('seg_map', label_map={30: 7, 7: 1}, num_classes=8)
    assert step(results)['gt_seg_map'].tolist() == [[0, 1, 7, 255]]


def test_label_map_of_a_stock_data_set_is_used(tmp_path):
    results = dict(write_labels(tmp_path), label_map={30: 255})
    labels = LoadDenseTarget('seg_map')(results)['gt_seg_map']
    assert labels.tolist() == [[0, 7, 255, 255]]


def test_options_that_would_do_nothing_are_refused(tmp_path):
    with pytest.raises(ValueError, match='`normal_frame` is for normals'):
        LoadDenseTarget('depth_map', normal_frame='opencv')
    with pytest.raises(ValueError, match='are for labels'):
        LoadDenseTarget('depth_map', num_classes=3)
    with pytest.raises(ValueError, match=r'ids in \[0, 255\]'):
        LoadDenseTarget('seg_map', label_map={3: -1})
    results = dict(write_labels(tmp_path), reduce_zero_label=True)
    with pytest.raises(ValueError, match='`reduce_zero_label` must be False'):
        LoadDenseTarget('seg_map')(results)
