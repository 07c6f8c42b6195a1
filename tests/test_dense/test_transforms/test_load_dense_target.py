import cv2
import numpy as np
import OpenEXR
import pytest

from mmsapiens.core.errors import BadSampleError, MissingFileError
from mmsapiens.dense import LoadDenseTarget


def load(field, path, **results):
    return LoadDenseTarget(field)({f'{field}_path': str(path), **results})


def test_depth_comes_as_it_is_where_there_is_any(tmp_path):
    depth = np.array([[1.5, np.inf, np.nan, 0, -2, 99, 1e-3]], dtype=np.float64)
    np.save(tmp_path / 'a.npy', depth)
    loaded = load('depth_map', tmp_path / 'a.npy', missing_depth=(99,))['gt_depth_map']
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [[1.5, -1, -1, -1, -1, -1, np.float32(1e-3)]]
    step = LoadDenseTarget('depth_map', missing=(1.5,))
    results = step(dict(depth_map_path=str(tmp_path / 'a.npy'), missing_depth=(99,)))
    assert results['gt_depth_map'][0, [0, 5]].tolist() == [-1, 99]


def test_depth_along_minus_z_is_refused(tmp_path):
    np.save(tmp_path / 'a.npy', np.float32([[-1.5, -np.inf, 0]]))
    with pytest.raises(BadSampleError, match='Negate z of a camera'):
        load('depth_map', tmp_path / 'a.npy')


def test_vectors_far_from_length_1_are_none(tmp_path):
    vectors = np.float32([[0, 0, s] for s in (1, -0.6, 1.4, 0.4, 1.6, 0.007, 0, np.nan)])
    np.save(tmp_path / 'a.npy', vectors[None])
    loaded = load('normal_map', tmp_path / 'a.npy')['gt_normal_map']
    np.testing.assert_allclose(loaded[0, :, 2], [1, -1, 1, 0, 0, 0, 0, 0], atol=1e-6)
    np.save(tmp_path / 'a.npy', vectors[None] * 255)
    with pytest.raises(BadSampleError, match='no vector in .* between 0.5 and 1.5'):
        load('normal_map', tmp_path / 'a.npy')


def test_vectors_stored_as_an_image_are_refused(tmp_path):
    normals = np.random.default_rng(0).normal(size=(8, 8, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    np.save(tmp_path / 'a.npy', (normals + 1) / 2)
    with pytest.raises(BadSampleError, match='stored as'):
        load('normal_map', tmp_path / 'a.npy')


def test_a_layer_of_an_exr_file(tmp_path):
    depth = np.float32([[1, 2]])
    channels = {'A.Depth.Z': depth, 'B.Depth.Z': depth * 2}
    with OpenEXR.File(dict(type=OpenEXR.scanlineimage), channels) as file:
        file.write(str(tmp_path / 'a.exr'))
    step = LoadDenseTarget('depth_map', layer='B.Depth')
    results = step(dict(depth_map_path=str(tmp_path / 'a.exr')))
    assert results['gt_depth_map'].tolist() == [[2, 4]]


def test_mask_becomes_zero_and_one(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.uint8([[0, 1, 255]]))
    mask = load('human_mask', tmp_path / 'a.png')['gt_human_mask']
    assert mask.tolist() == [[0, 1, 1]]


def test_normals_come_in_the_frame_of_the_project(tmp_path):
    towards, away = [0, 0.6, -0.8], [0, -0.75, 1.0]
    np.save(tmp_path / 'a.npy', np.float32([[towards, away, [0, 0, 0]]]))
    step = LoadDenseTarget('normal_map', normal_frame='opencv')
    results = step(dict(normal_map_path=str(tmp_path / 'a.npy')))
    np.testing.assert_allclose(
        results['gt_normal_map'], [[[0, -0.6, 0.8], [0, 0.6, -0.8], [0, 0, 0]]], atol=1e-6
    )


def test_normals_with_green_down(tmp_path):
    np.save(tmp_path / 'a.npy', np.float32([[[0, -0.6, 0.8]]]))
    step = LoadDenseTarget('normal_map', normal_frame='directx')
    normals = step(dict(normal_map_path=str(tmp_path / 'a.npy')))['gt_normal_map']
    np.testing.assert_allclose(normals, [[[0, 0.6, 0.8]]], atol=1e-6)


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
