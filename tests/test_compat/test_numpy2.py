"""Stock code that numpy 2 breaks."""

import cv2
import mmcv
import mmcv.image.photometric
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer
from numpy.lib import NumpyVersion
from PIL import Image

CHECKS_CASTS = NumpyVersion(np.__version__) >= '2.0.0'
REFUSES_INT_OF_ARRAY = NumpyVersion(np.__version__) >= '2.4.0'


@pytest.fixture
def image():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (8, 8, 3), np.uint8)


def shifted_by_hand(img, shift, backend):
    """Hue plus ``shift`` of 256 steps, in integers."""
    if backend == 'cv2':
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL)
    else:
        hsv = np.array(Image.fromarray(img[..., ::-1]).convert('HSV'))
    hue = (hsv[..., 0].astype(int) + shift) % 256
    hsv = np.dstack([hue.astype(np.uint8), hsv[..., 1:]])
    if backend == 'cv2':
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)
    return np.array(Image.fromarray(hsv, 'HSV').convert('RGB'))[..., ::-1]


# -0.1 * 255 = -25.5, of which the cast keeps the whole part.
@pytest.mark.parametrize(
    'hue_factor, shift', [(-0.5, -127), (-0.1, -25), (-0.001, 0), (0, 0), (0.1, 25), (0.5, 127)]
)
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_hue_shift_wraps_around(image, backend, hue_factor, shift):
    result = mmcv.adjust_hue(image, hue_factor, backend)
    np.testing.assert_array_equal(result, shifted_by_hand(image, shift, backend))
    assert result.dtype == np.uint8


@pytest.mark.parametrize('number', [np.float64, np.float32])
def test_hue_shift_may_be_a_numpy_number(image, number):
    np.testing.assert_array_equal(
        mmcv.adjust_hue(image, number(-0.25)), mmcv.adjust_hue(image, -0.25)
    )


def test_hue_shift_out_of_range_is_still_refused(image):
    with pytest.raises(ValueError, match='hue_factor:-0.6'):
        mmcv.adjust_hue(image, -0.6)


def test_adjust_hue_is_one_function_under_all_its_names():
    assert mmcv.adjust_hue is mmcv.image.adjust_hue
    assert mmcv.adjust_hue is mmcv.image.photometric.adjust_hue
    assert mmcv.adjust_hue.__name__ == 'adjust_hue'


def test_adjust_hue_is_mended_where_numpy_checks_casts(stock, is_ours):
    assert is_ours(mmcv.adjust_hue) == CHECKS_CASTS
    if CHECKS_CASTS:
        assert 'OverflowError: Python integer -25' in stock['adjust_hue']
    else:
        assert stock['adjust_hue'] == 'done'


@pytest.mark.parametrize('backend', ['opencv', 'matplotlib'])
def test_visualizer_draws_a_visible_keypoint(backend):
    visualizer = PoseLocalVisualizer(radius=3, kpt_color=[[255, 0, 0]] * 2, backend=backend)
    visualizer.set_dataset_meta(dict(num_keypoints=2, keypoint_colors=[[255, 0, 0]] * 2))
    sample = PoseDataSample(
        pred_instances=InstanceData(
            keypoints=np.array([[[16.0, 16.0], [48.0, 48.0]]]),
            keypoint_scores=np.array([[0.9, 0.1]]),
            keypoints_visible=np.array([[0.9, 0.1]]),
        )
    )
    black = np.zeros((64, 64, 3), np.uint8)
    drawn = visualizer.add_datasample('keypoints', black, sample, draw_gt=False, draw_bbox=False)
    red = drawn[..., 0].astype(int) - drawn[..., 2]
    assert red[16, 16] > 100
    assert red[48, 48] == 0  # below the threshold


@pytest.mark.parametrize('radius', [2, 2.0, np.array([2]), np.array(2)])
def test_circle_takes_any_kind_of_radius(radius):
    visualizer = PoseLocalVisualizer()
    visualizer.set_image(np.zeros((8, 8, 3), np.uint8))
    visualizer.draw_circles(np.array([4, 4]), radius, (255, 0, 0))
    assert visualizer.get_image()[4, 4].tolist() == [255, 0, 0]
    assert visualizer.get_image()[4, 7].tolist() == [0, 0, 0]


def test_draw_circles_is_mended_where_numpy_refuses(stock, is_ours):
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    mended = is_ours(OpencvBackendVisualizer.draw_circles)
    assert mended == REFUSES_INT_OF_ARRAY
    if REFUSES_INT_OF_ARRAY:
        assert 'TypeError: only 0-dimensional' in stock['draw_circles']
    else:
        assert stock['draw_circles'] == 'done'
