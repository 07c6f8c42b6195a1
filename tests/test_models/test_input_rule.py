"""Inputs are, to the last bit, those of the stock pipelines."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmsapiens.models.input_rule import InputRule

SIZE_HW = (128, 96)
IMAGE = np.random.default_rng(0).integers(0, 256, (150, 210, 3), dtype=np.uint8)


@pytest.mark.parametrize('use_udp', [True, False])
def test_crops_are_those_of_mmpose(use_udp):
    import mmpose.datasets.transforms  # noqa: F401

    rule = InputRule(SIZE_HW, use_udp=use_udp)
    with DefaultScope.overwrite_default_scope('mmpose'):
        pipeline = Compose(
            [
                dict(type='GetBBoxCenterScale', padding=1.25),
                dict(type='TopdownAffine', input_size=SIZE_HW[::-1], use_udp=use_udp),
            ]
        )
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 90, (17, 2))
    for _ in range(40):
        corner, size = rng.uniform(-30, 150, 2), rng.uniform(4, 160, 2)
        box = np.array([*corner, *(corner + size)], dtype=np.float32)
        expected = pipeline(dict(img=IMAGE, bbox=box[None], img_shape=IMAGE.shape[:2]))
        crop = rule.crop(IMAGE, box)
        if use_udp:
            np.testing.assert_array_equal(crop, expected['img'])
        else:  # stock solves equations for its matrix
            assert (crop == expected['img']).mean() > 0.95
        center, scale = expected['input_center'], expected['input_scale']
        np.testing.assert_array_equal(
            rule.to_image(points, box, IMAGE.shape[:2]),
            points / SIZE_HW[::-1] * scale + center - 0.5 * scale,
        )


def test_whole_images_are_those_of_mmcv():
    from mmcv.transforms import Resize

    step = Resize(scale=SIZE_HW[::-1], keep_ratio=False)
    expected = step(dict(img=IMAGE))['img']
    np.testing.assert_array_equal(InputRule(SIZE_HW).resize(IMAGE), expected)
