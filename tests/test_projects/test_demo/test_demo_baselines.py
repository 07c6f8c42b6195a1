"""Baselines, against cases worked out by hand."""

import numpy as np
import pytest
from four_tasks.baselines import mean_map, mean_pose, most_frequent_class, place_pose, relative


def test_mean_pose_is_in_shares_of_the_box():
    boxes = np.array([[10, 20, 100, 200], [0, 0, 10, 10]])
    keypoints = np.array([[[60, 70, 2], [10, 20, 0]], [[10, 5, 1], [99, 99, 0]]])
    pose = mean_pose(keypoints, boxes)
    # (0.5, 0.25) and (1, 0.5); the second keypoint is never seen.
    np.testing.assert_allclose(pose, [[0.75, 0.375], [0.5, 0.5]])
    placed = place_pose(pose, np.array([10, 20, 110, 220]))
    np.testing.assert_allclose(placed, [[85, 95], [60, 120]])


def test_most_frequent_class_of_each_pixel():
    labels = [np.array(rows, dtype=np.uint8) for rows in (
        [[0, 3]], [[0, 3]], [[1, 255]], [[1, 2]], [[1, 3]])]  # fmt: skip
    assert most_frequent_class(labels, 4).tolist() == [[1, 3]]


def test_mean_map_counts_the_mask_only():
    first = np.array([[[2.0], [8.0], [9.0]]])
    second = np.array([[[4.0], [100.0], [9.0]]])
    masks = np.array([[[1, 1, 0]], [[1, 0, 0]]], dtype=bool)
    overall, placed = mean_map([(first, masks[0]), (second, masks[1])])
    assert overall == pytest.approx(14 / 3)
    np.testing.assert_allclose(placed[..., 0], [[3, 8, 14 / 3]])


@pytest.mark.parametrize('empty', [lambda: mean_map([]), lambda: most_frequent_class([], 2)])
def test_nothing_to_learn_from_is_an_error(empty):
    with pytest.raises(ValueError, match='must not be empty'):
        empty()


def test_relative_depth_is_0_near_and_1_far():
    depth = np.array([[2.0, 3.0, 4.0, 0.0]])
    shares = relative(depth, depth > 0)
    np.testing.assert_allclose(shares[0, :3], [0, 0.5, 1])
