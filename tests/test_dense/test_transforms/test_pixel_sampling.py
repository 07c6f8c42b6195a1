"""Where resized and rotated maps take their values."""

import cv2
import numpy as np
import pytest
from mmseg.datasets.transforms import RandomCrop

from mmsapiens.dense import RandomCropFields, ResizeFields
from mmsapiens.dense.transforms.geometry import rotate_array


def ramp(pixel_centres):
    """A ramp made five times smaller: image and map side by side."""
    values = np.tile(np.arange(200, dtype=np.float32), (10, 1))
    results = dict(img=np.repeat(values[..., None], 3, -1), gt_depth_map=values)
    step = ResizeFields(scale=(40, 2), pixel_centres=pixel_centres)
    results = step(results)
    return results['img'][..., 0], results['gt_depth_map']


def test_pixel_centres_lie_under_the_image():
    image, depth = ramp(True)
    np.testing.assert_array_equal(depth, image)


def test_default_is_that_of_opencv():
    image, depth = ramp(False)
    np.testing.assert_array_equal(depth, image - 2)


@pytest.mark.parametrize('channels', [1, 3, 5])
def test_any_number_of_channels_is_filled(channels):
    array = np.ones((9, 9, channels), np.float32)
    turned = rotate_array(array, 45, -7, cv2.INTER_NEAREST)
    assert turned.shape == array.shape
    assert (turned[0, 0] == -7).all() and (turned[4, 4] == 1).all()


@pytest.mark.parametrize('ratio', [1.0, 0.6])
def test_windows_are_those_of_stock(ratio):
    labels = np.random.default_rng(0).integers(0, 2, (40, 30), np.uint8)
    labels[:, :22], labels[5:9] = 0, 255
    img = np.arange(40 * 30 * 3, dtype=np.int64).reshape(40, 30, 3)
    ours, stock = RandomCropFields((12, 9), ratio), RandomCrop((12, 9), ratio)
    for seed in range(5):
        windows = []
        for step in (ours, stock):
            np.random.seed(seed)
            results = dict(img=img, gt_seg_map=labels, seg_fields=[])
            windows.append(step(results)['img'])
        assert np.array_equal(*windows)
