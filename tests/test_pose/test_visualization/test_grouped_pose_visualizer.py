import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample

from mmsapiens.keypoints.keypoint_sets import get_keypoint_set
from mmsapiens.visualization.keypoints import (
    GROUP_COLORS,
    MIN_RADIUS,
    draw_person,
    point_colors,
    point_radius,
)

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def canvas(size=120):
    return np.zeros((size, size, 3), dtype=np.uint8)


def one_point(vocabulary, index, at=(60, 60)):
    points = np.zeros((len(vocabulary), 2))
    scores = np.zeros(len(vocabulary))
    points[index], scores[index] = at, 1
    return points, scores


@pytest.mark.parametrize('name', ['coco', 'coco_wholebody', 'goliath308'])
def test_each_point_has_the_color_of_its_group(name):
    vocabulary = get_keypoint_set(name)
    colors = point_colors(vocabulary)
    for index in range(0, len(vocabulary), 7):
        image = canvas()
        draw_person(image, *one_point(vocabulary, index), vocabulary)
        assert tuple(image[60, 60]) == colors[index]


def test_sides_of_the_body_differ():
    vocabulary = get_keypoint_set('goliath308')
    colors = dict(zip(vocabulary.keypoint_names, point_colors(vocabulary)))
    assert colors['left_knee'] == GROUP_COLORS['left_hand']
    assert colors['right_knee'] == GROUP_COLORS['right_hand']
    assert colors['nose'] == GROUP_COLORS['body']
    assert colors['left_heel'] == GROUP_COLORS['foot']


def test_points_below_the_threshold_are_not_drawn():
    vocabulary = get_keypoint_set('coco')
    points, scores = one_point(vocabulary, 3)
    image = canvas()
    draw_person(image, points, scores * 0.2, vocabulary, threshold=0.3)
    assert not image.any()


def test_points_that_are_not_finite_are_not_drawn():
    vocabulary = get_keypoint_set('coco')
    points, scores = one_point(vocabulary, 3, at=(np.nan, 5))
    image = canvas()
    draw_person(image, points, scores, vocabulary)
    assert not image.any()


def test_links_need_both_ends():
    vocabulary = get_keypoint_set('coco')
    start, end = vocabulary.links[0]
    points, scores = one_point(vocabulary, start, at=(20, 20))
    points[end] = (100, 100)
    image = canvas()
    draw_person(image, points, scores, vocabulary)
    assert not image[60, 60].any()
    scores[end] = 1
    draw_person(image, points, scores, vocabulary)
    assert image[60, 60].any()


def test_radius_grows_with_the_box():
    points = np.array([[0, 0], [10, 10]])
    assert point_radius(points, np.array([0, 0, 500, 1000])) == 6
    assert point_radius(points, None) == MIN_RADIUS


def test_indices_are_written_on_demand():
    vocabulary = get_keypoint_set('goliath308')
    drawn = []
    for with_indices in (False, True):
        image = canvas()
        draw_person(image, *one_point(vocabulary, 5), vocabulary, with_indices=with_indices)
        drawn.append((image > 0).sum())
    assert drawn[1] > drawn[0]


def sample(count):
    rng = np.random.default_rng(0)
    return PoseDataSample(
        pred_instances=InstanceData(
            keypoints=rng.uniform(20, 100, (2, count, 2)),
            keypoint_scores=np.ones((2, count)),
            bboxes=np.array([[10.0, 10, 110, 110]] * 2),
        )
    )


@pytest.mark.parametrize('kind', ['', 'mmsapiens.'])
@pytest.mark.parametrize('count', [17, 133, 308])
def test_stock_interface_draws_every_vocabulary(kind, count):
    visualizer = VISUALIZERS.build(
        dict(type=f'{kind}GroupedPoseVisualizer', name=f'test{kind}{count}')
    )
    visualizer.add_datasample('x', canvas(), sample(count), draw_gt=False)
    assert visualizer.get_image().any()


def test_other_vocabularies_are_drawn_as_stock_does():
    visualizer = VISUALIZERS.build(dict(type='GroupedPoseVisualizer', name='test21', radius=3))
    visualizer.add_datasample('x', canvas(), sample(21), draw_gt=False)
    assert (visualizer.get_image() == (255, 0, 0)).all(axis=2).any()


def test_openpose_style_gives_the_canvas():
    visualizer = VISUALIZERS.build(dict(type='GroupedPoseVisualizer', name='testopenpose'))
    image = canvas() + 200
    visualizer.set_dataset_meta({}, skeleton_style='mmpose')
    drawn = visualizer._draw_instances_kpts(
        image, sample(133).pred_instances, skeleton_style='openpose'
    )
    assert drawn.shape == image.shape and (drawn[:8] == 0).all()
