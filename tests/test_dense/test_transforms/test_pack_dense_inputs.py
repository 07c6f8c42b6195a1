import numpy as np
import torch
from dense_figures import draw_figure

from mmsapiens.dense import PackDenseInputs


def results():
    figure = draw_figure(0, (32, 24))
    return dict(
        img=figure.image[:, ::-1],
        img_path='a.jpg',
        img_shape=(32, 24),
        ori_shape=(64, 48),
        flip_label_pairs=[(5, 14)],
        gt_human_mask=figure.mask,
        gt_depth_map=figure.depth_m,
        gt_normal_map=figure.normals[:, ::-1],
        gt_seg_map=figure.labels,
    )


def test_every_target_is_packed_channels_first():
    packed = PackDenseInputs()(results())
    assert packed['inputs'].shape == (3, 32, 24)
    sample, before = packed['data_samples'], results()
    assert sample.gt_depth_map.data.shape == (1, 32, 24)
    assert sample.gt_normal_map.data.shape == (3, 32, 24)
    assert sample.gt_sem_seg.data.dtype == torch.int64
    assert np.array_equal(sample.gt_normal_map.data.permute(1, 2, 0), before['gt_normal_map'])
    assert sample.ori_shape == (64, 48)
    assert sample.flip_label_pairs == [(5, 14)]


def test_mask_is_packed_when_asked():
    assert 'gt_human_mask' not in PackDenseInputs()(results())['data_samples']
    packed = PackDenseInputs(with_mask=True)(results())
    assert packed['data_samples'].gt_human_mask.data.shape == (1, 32, 24)


def test_images_without_maps_are_packed():
    packed = PackDenseInputs()(dict(img=results()['img']))
    assert packed['inputs'].dtype == torch.uint8
    assert not packed['data_samples'].keys()
