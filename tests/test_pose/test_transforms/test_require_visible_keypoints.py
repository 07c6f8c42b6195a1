import numpy as np
import pytest
from mmengine.dataset import BaseDataset

from mmsapiens.pose import RequireVisibleKeypoints


def sample(visible, count=17):
    weights = np.zeros((1, count), dtype=np.float32)
    weights[0, :visible] = 1
    return dict(keypoint_weights=weights)


def test_sample_with_enough_keypoints_is_kept():
    results = sample(8)
    assert RequireVisibleKeypoints(8)(results) is results


def test_sample_with_too_few_keypoints_is_dropped():
    assert RequireVisibleKeypoints(8)(sample(7)) is None


def test_dataset_draws_another_sample():
    class People(BaseDataset):
        def load_data_list(self):
            return [sample(index) for index in range(10)]

    dataset = People(pipeline=[RequireVisibleKeypoints(5)])
    drawn = [int(dataset[i]['keypoint_weights'].sum()) for i in range(10)]
    assert min(drawn) >= 5 and drawn[5:] == [5, 6, 7, 8, 9]


def test_limit_must_be_positive():
    with pytest.raises(ValueError, match='must be positive, but got 0'):
        RequireVisibleKeypoints(0)
