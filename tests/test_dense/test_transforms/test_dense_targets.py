import numpy as np
import pytest

from mmsapiens.core.errors import BadSampleError
from mmsapiens.dense import GenerateDepthTarget, GenerateNormalTarget
from mmsapiens.dense.transforms.targets import relative_depth


def sample():
    return dict(
        gt_depth_map=np.float32([[4.0, 2.0, 3.0, np.inf]]),
        gt_normal_map=np.full((1, 4, 3), 0.6, np.float32),
        gt_human_mask=np.uint8([[1, 1, 1, 0]]),
    )


def test_depth_goes_from_the_nearest_to_the_farthest():
    target = GenerateDepthTarget()(sample())['gt_depth_map']
    assert target.dtype == np.float32
    assert target.tolist() == [[1.0, 0.0, 0.5, -1.0]]


def test_depth_may_keep_its_unit():
    step = GenerateDepthTarget(normalize=False)
    assert step(sample())['gt_depth_map'].tolist() == [[4, 2, 3, -1]]


def test_depth_without_range_is_no_target():
    results = sample()
    results['gt_depth_map'][:] = 3
    target = GenerateDepthTarget()(results)['gt_depth_map']
    assert (target == -1).all()


def test_normals_outside_the_mask_are_zero():
    normals = GenerateNormalTarget()(sample())['gt_normal_map']
    assert (normals[0, :, 0] > 0).tolist() == [True, True, True, False]


@pytest.mark.parametrize('step', [GenerateDepthTarget, GenerateNormalTarget])
def test_no_person(step):
    results = dict(sample(), gt_human_mask=np.zeros((1, 4), np.uint8))
    assert step()(dict(results))
    with pytest.raises(BadSampleError, match='has no human pixel'):
        step(empty='raise')(results)


@pytest.mark.parametrize('value', [np.nan, np.inf, 0, -1])
@pytest.mark.parametrize('step', [GenerateDepthTarget, GenerateNormalTarget])
def test_pixels_without_a_value_are_no_target_and_told_once(step, value, monkeypatch):
    told = []
    monkeypatch.setattr('mmsapiens.dense.transforms.targets.warn', told.append)
    step = step()
    for _ in range(2):
        results = sample()
        results['gt_depth_map'][0, 1] = value
        results['gt_normal_map'][0, 1] = value
        results = step(results)
    if step.field.is_vector:
        assert results['gt_normal_map'][0].any(axis=-1).tolist() == [True, False, True, False]
    else:
        assert results['gt_depth_map'].tolist() == [[1, -1, 0, -1]]
    (message,) = told
    assert 'no value at 1 of 3 human pixels' in message


def test_missing_maps_and_bad_settings_are_named():
    with pytest.raises(KeyError, match='needs `gt_human_mask`'):
        GenerateDepthTarget()(dict(gt_depth_map=np.ones((1, 1))))
    with pytest.raises(ValueError, match="but got 'drop'"):
        GenerateNormalTarget(empty='drop')


@pytest.mark.parametrize('keep_constant', [False, True])
def test_relative_depth_equals_the_plain_formula(keep_constant):
    rng = np.random.default_rng(0)
    for low in (-3.0, 5.0):
        depth = rng.uniform(low, 5, (41, 37)).astype(np.float32)
        mask = rng.uniform(size=depth.shape) < 0.4
        depth[~mask] = np.where(rng.uniform(size=(~mask).sum()) < 0.5, np.inf, 7)
        expected = np.full(depth.shape, -1, np.float32)
        inside = depth[mask]
        if inside.max() > inside.min():
            expected[mask] = (inside - inside.min()) / (inside.max() - inside.min())
        elif keep_constant:
            expected[mask] = inside
        actual = relative_depth(depth, mask, keep_constant=keep_constant)
        np.testing.assert_array_equal(actual, expected)
