import json

import numpy as np
import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.datasets.transforms import KeypointConverter
from parity import fixture_folder

from mmsapiens.keypoints.keypoint_sets import (
    GROUPS,
    KEYPOINT_SETS,
    common_keypoints,
    convert_keypoints,
    converter_mapping,
    correspondences,
    get_keypoint_set,
    read_metainfo,
)

SIZES = dict(coco=17, coco_wholebody=133, goliath308=308, openpose25=25, openpose_wholebody=137)
PAIRS = [(a, b) for a in KEYPOINT_SETS for b in KEYPOINT_SETS]


def test_tables_of_308_keypoints_equal_the_reference():
    doc = json.loads((fixture_folder() / 'pose_metainfo_308.json').read_text())
    ours = get_keypoint_set('goliath308')
    assert len(ours) == doc['num_keypoints']
    assert list(ours.flip_indices) == doc['flip_indices']
    np.testing.assert_allclose(ours.sigmas, doc['sigmas'])
    assert {k: list(v) for k, v in ours.groups.items()} == {
        **doc['groups'],
        'extra': list(ours.groups['extra']),
    }
    sigmas = get_keypoint_set('coco_wholebody').sigmas
    np.testing.assert_allclose(sigmas, doc['coco_wholebody_sigmas'])


def test_points_of_equal_name_are_those_of_the_reference():
    doc = json.loads((fixture_folder() / 'pose_metainfo_308.json').read_text())
    index = correspondences('goliath308', 'coco_wholebody')
    for number, other in doc['coco_wholebody_to_308'].items():
        assert index[int(number)] == other


@pytest.mark.parametrize('name', ['coco', 'coco_wholebody'])
def test_tables_equal_those_of_mmpose(name):
    stock = parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
    ours = parse_pose_metainfo(read_metainfo(name))
    assert ours.keys() == stock.keys()
    for key, value in stock.items():
        np.testing.assert_equal(ours[key], value, err_msg=key)
    described = get_keypoint_set(name)
    assert list(described.flip_indices) == stock['flip_indices']
    assert list(described.links) == stock['skeleton_links']


@pytest.mark.parametrize('name, size', SIZES.items())
def test_vocabulary_is_consistent(name, size):
    vocabulary = get_keypoint_set(name)
    assert len(vocabulary) == size == len(set(vocabulary.keypoint_names))
    flip = vocabulary.flip_indices
    assert [flip[flip[i]] for i in range(size)] == list(range(size))
    members = [i for ids in vocabulary.groups.values() for i in ids]
    assert sorted(members) == list(range(size))
    assert set(vocabulary.groups) <= {*GROUPS, 'extra'}


@pytest.mark.parametrize('source, target', PAIRS)
def test_conversion_commutes_with_mirroring(source, target):
    index = correspondences(source, target)
    flip_source = get_keypoint_set(source).flip_indices
    flip_target = get_keypoint_set(target).flip_indices
    for number, match in enumerate(index):
        mirrored = -1 if match < 0 else flip_source[match]
        assert index[flip_target[number]] == mirrored


def random_people(name, count=3):
    rng = np.random.default_rng(0)
    size = len(get_keypoint_set(name))
    points = rng.uniform(1, 100, (count, size, 2)).astype(np.float32)
    return points, rng.uniform(0.1, 1, (count, size)).astype(np.float32)


@pytest.mark.parametrize('source, target', PAIRS)
def test_points_come_back_from_another_vocabulary(source, target):
    points, scores = random_people(source)
    back, back_scores = convert_keypoints(
        *convert_keypoints(points, scores, source, target), target, source
    )
    kept = [p for p in correspondences(source, target) if p >= 0]
    np.testing.assert_array_equal(back[:, kept], points[:, kept])
    np.testing.assert_array_equal(back_scores[:, kept], scores[:, kept])
    lost = sorted(set(range(points.shape[1])) - set(kept))
    if not (source.startswith('openpose') or target.startswith('openpose')):
        assert (back_scores[:, lost] == 0).all()


@pytest.mark.parametrize(
    'source, target, found',
    [
        ('coco', 'coco_wholebody', 17),
        ('coco', 'goliath308', 17),
        ('coco_wholebody', 'coco', 17),
        ('coco_wholebody', 'goliath308', 114),
        ('goliath308', 'coco_wholebody', 114),
        ('goliath308', 'coco', 17),
        ('goliath308', 'openpose_wholebody', 118),
        ('coco_wholebody', 'openpose_wholebody', 135),
    ],
)
def test_points_without_a_partner_are_invisible(source, target, found):
    points, scores = random_people(source)
    converted, visible = convert_keypoints(points, scores, source, target)
    assert (visible > 0).sum(axis=1).tolist() == [found] * 3
    assert (converted[visible == 0] == 0).all()
    assert converted.dtype == points.dtype


def test_neck_and_mid_hip_are_midpoints_by_definition():
    points, scores = random_people('coco')
    scores[1, 6] = 0  # a shoulder that is not seen
    converted, visible = convert_keypoints(points, scores, 'coco', 'openpose25')
    names = get_keypoint_set('openpose25').keypoint_names
    neck, hip = names.index('neck'), names.index('mid_hip')
    np.testing.assert_allclose(converted[0, neck], points[0, 5:7].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(converted[1, hip], points[1, 11:13].mean(axis=0), rtol=1e-6)
    assert visible[1, neck] == 0 and (converted[1, neck] == 0).all()
    assert visible[0, neck] == scores[0, 5:7].min()


def test_neck_of_308_keypoints_is_its_own():
    points, scores = random_people('goliath308')
    converted, _ = convert_keypoints(points, scores, 'goliath308', 'openpose25')
    own = get_keypoint_set('goliath308').keypoint_names.index('neck')
    np.testing.assert_array_equal(converted[:, 1], points[:, own])


def test_common_points_are_the_114_of_the_paper():
    common = common_keypoints()
    sizes = {group: len(pairs) for group, pairs in common.items()}
    assert sizes == dict(body=17, foot=6, face=51, left_hand=20, right_hand=20)
    used = [b for pairs in common.values() for _, b in pairs]
    assert len(set(used)) == 114


def test_stock_converter_takes_the_mapping():
    converter = KeypointConverter(308, converter_mapping('coco_wholebody', 'goliath308'))
    points, _ = random_people('coco_wholebody', count=1)
    results = converter(
        dict(
            keypoints=points,
            keypoints_visible=np.ones((1, 133), dtype=np.float32),
            num_keypoints=133,
        )
    )
    expected, visible = convert_keypoints(points, np.ones((1, 133)), 'coco_wholebody', 'goliath308')
    seen = visible[0] > 0
    np.testing.assert_array_equal(results['keypoints'][0, seen], expected[0, seen])


def test_wrong_number_of_keypoints_is_refused():
    with pytest.raises(ValueError, match=r'133 keypoints \(coco_wholebody\)'):
        convert_keypoints(np.zeros((1, 17, 2)), np.zeros((1, 17)), 'coco_wholebody', 'coco')


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match="'coco_wholebody', .* got 'coco133'"):
        get_keypoint_set('coco133')
    with pytest.raises(KeyError, match="'goliath308'.*, but got 'x'"):
        read_metainfo('x')
