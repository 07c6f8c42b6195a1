import numpy as np
import pytest

from mmsapiens.keypoints.keypoint_sets import get_keypoint_set
from mmsapiens.visualization.openpose import draw_openpose

SIZE = (200, 160)


def points_of(vocabulary, **positions):
    names = get_keypoint_set(vocabulary).keypoint_names
    points = np.zeros((1, len(names), 2))
    scores = np.zeros((1, len(names)))
    for name, position in positions.items():
        points[0, names.index(name)] = position
        scores[0, names.index(name)] = 1
    return points, scores


def test_joints_have_the_colors_of_openpose():
    points, scores = points_of('coco', nose=(80, 20), left_wrist=(120, 90))
    canvas = draw_openpose(points, scores, 'coco', SIZE)
    assert canvas.shape == (*SIZE, 3)
    assert tuple(canvas[20, 80]) == (255, 0, 0)
    assert tuple(canvas[90, 120]) == (0, 255, 85)


def test_limbs_are_drawn_darker_between_both_joints():
    points, scores = points_of('coco', left_elbow=(40, 100), left_wrist=(120, 100))
    canvas = draw_openpose(points, scores, 'coco', SIZE)
    assert tuple(canvas[100, 80]) == (51, 153, 0)
    scores[0, get_keypoint_set('coco').keypoint_names.index('left_wrist')] = 0
    assert not draw_openpose(points, scores, 'coco', SIZE)[100, 80].any()


def test_neck_stands_between_the_shoulders():
    points, scores = points_of('coco', left_shoulder=(120, 60), right_shoulder=(40, 60))
    canvas = draw_openpose(points, scores, 'coco', SIZE)
    assert tuple(canvas[60, 80]) == (255, 85, 0)


@pytest.mark.parametrize('vocabulary', ['coco_wholebody', 'goliath308'])
def test_hands_are_rainbows_and_faces_white(vocabulary):
    names = dict(left_forefinger3=(50, 50), left_forefinger4=(90, 50))
    points, scores = points_of(vocabulary, **names)
    canvas = draw_openpose(points, scores, vocabulary, SIZE)
    assert tuple(canvas[50, 50]) == (0, 0, 255)
    assert canvas[50, 70].any()
    face = get_keypoint_set(vocabulary).groups['face']
    points[0, list(face)], scores[0, list(face)] = (30, 150), 1
    canvas = draw_openpose(points, scores, vocabulary, SIZE)
    assert tuple(canvas[150, 30]) == (255, 255, 255)


def test_nobody_gives_a_black_canvas():
    canvas = draw_openpose(np.zeros((0, 17, 2)), np.zeros((0, 17)), 'coco', SIZE)
    assert canvas.shape == (*SIZE, 3) and not canvas.any()


def test_wrong_number_of_keypoints_is_refused():
    with pytest.raises(ValueError, match='must have 17 keypoints'):
        draw_openpose(np.zeros((1, 5, 2)), np.zeros((1, 5)), 'coco', SIZE)
