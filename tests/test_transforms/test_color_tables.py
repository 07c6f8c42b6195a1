import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import PhotometricDistortion
from mmseg.datasets.transforms import PhotoMetricDistortion

from mmsapiens.dense.transforms import TableDistortion
from mmsapiens.pose.transforms import PoseTableDistortion
from mmsapiens.transforms.color_tables import IDENTITY, change_hsv

PAIRS = [(PhotometricDistortion, PoseTableDistortion), (PhotoMetricDistortion, TableDistortion)]


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (37, 23, 3), dtype=np.uint8)


@pytest.mark.parametrize('stock, ours', PAIRS)
@pytest.mark.parametrize('dtype', ['uint8', 'float32'])
def test_pixels_and_draws_are_those_of_stock(stock, ours, dtype, image):
    image = image.astype(dtype)
    stock, ours = stock(), ours()
    original = image.copy()
    for seed in range(60):
        results = []
        for step in (stock, ours):
            np.random.seed(seed)
            img = step(dict(img=image.copy()))['img']
            results.append((img, np.random.rand()))
        (expected, next_draw), (actual, our_next_draw) = results
        assert our_next_draw == next_draw
        np.testing.assert_array_equal(actual, expected)
        np.random.seed(seed)
        ours(dict(img=image))
        np.testing.assert_array_equal(image, original)


def test_other_ranges_are_kept(image):
    kwargs = dict(
        brightness_delta=90, contrast_range=(0.1, 3.0), saturation_range=(0.0, 4.0), hue_delta=80
    )
    for stock, ours in PAIRS:
        stock, ours = stock(**kwargs), ours(**kwargs)
        for seed in range(30):
            images = []
            for step in (stock, ours):
                np.random.seed(seed)
                images.append(step(dict(img=image.copy()))['img'])
            np.testing.assert_array_equal(*images)


def test_hues_and_saturations_change_alone(image):
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv[..., 1] = 255 - hsv[..., 1]
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    actual = change_hsv(image, saturation=IDENTITY[::-1])
    np.testing.assert_array_equal(actual, expected)
