import cv2
import numpy as np
import pytest

from mmsapiens.core.errors import BadSampleError, MissingFileError
from mmsapiens.dense import LoadDenseTarget


def load(field, path, **results):
    return LoadDenseTarget(field)({f'{field}_path': str(path), **results})


def test_depth_comes_as_it_is(tmp_path):
    depth = np.array([[1.5, np.inf]], dtype=np.float64)
    np.save(tmp_path / 'a.npy', depth)
    loaded = load('depth_map', tmp_path / 'a.npy')['gt_depth_map']
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [[1.5, np.inf]]


def test_mask_becomes_zero_and_one(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.uint8([[0, 1, 255]]))
    mask = load('human_mask', tmp_path / 'a.png')['gt_human_mask']
    assert mask.tolist() == [[0, 1, 1]]


def test_normals_come_in_the_frame_of_the_project(tmp_path):
    towards, away = [0, 0.6, -0.8], [0, -3.0, 4.0]
    np.save(tmp_path / 'a.npy', np.float32([[towards, away, [0, 0, 0]]]))
    step = LoadDenseTarget('normal_map', normal_frame='opencv')
    results = step(dict(normal_map_path=str(tmp_path / 'a.npy')))
    np.testing.assert_allclose(
        results['gt_normal_map'], [[[0, -0.6, 0.8], [0, 0.6, -0.8], [0, 0, 0]]], atol=1e-6
    )


def test_labels_are_converted_by_the_table_of_the_data_set(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.uint8([[0, 3, 255]]))
    table = np.arange(256, dtype=np.uint8)
    table[3] = 1
    results = load('seg_map', tmp_path / 'a.png', label_table=table, num_classes=2)
    assert results['gt_seg_map'].tolist() == [[0, 1, 255]]


def test_labels_that_are_no_class_are_named(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.uint8([[0, 28, 90]]))
    with pytest.raises(BadSampleError, match=r'0 to 27.* but \[28, 90\]'):
        load('seg_map', tmp_path / 'a.png', num_classes=28)


def test_size_must_be_that_of_the_image(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((4, 5), np.float32))
    with pytest.raises(BadSampleError, match='a.jpg, 5 high and 4 wide'):
        load('depth_map', tmp_path / 'a.npy', ori_shape=(5, 4), img_path='a.jpg')


def test_a_resized_image_does_not_matter(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((4, 5), np.float32))
    sizes = dict(ori_shape=(4, 5), img_shape=(9, 9))
    assert 'gt_depth_map' in load('depth_map', tmp_path / 'a.npy', **sizes)


def test_missing_files_and_paths_are_told_apart(tmp_path):
    with pytest.raises(MissingFileError, match='a.npy'):
        load('depth_map', tmp_path / 'a.npy')
    with pytest.raises(KeyError, match='needs `depth_map_path`'):
        LoadDenseTarget('depth_map')({})


def test_bad_settings_are_refused():
    with pytest.raises(KeyError, match="but got 'depth'"):
        LoadDenseTarget('depth')
    with pytest.raises(KeyError, match='normal_frame'):
        LoadDenseTarget('normal_map', normal_frame='maya')


def test_maps_of_other_storage(tmp_path):
    np.save(tmp_path / 'a.npy', np.float32([[1, 2]]))
    step = LoadDenseTarget('depth_map', backend_args=dict(backend='local'))
    results = step(dict(depth_map_path=str(tmp_path / 'a.npy')))
    assert results['gt_depth_map'].tolist() == [[1, 2]]
    with pytest.raises(MissingFileError, match='b.npy does not exist'):
        step(dict(depth_map_path=str(tmp_path / 'b.npy')))
