"""The geometry of depth, normals and labels against the reference."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parity import Case

from mmsapiens.dense import (
    GenerateDepthTarget,
    GenerateNormalTarget,
    RandomCropFields,
    RandomFlipFields,
    RandomRotateFields,
    ResizeFields,
)
from mmsapiens.ops.unit_vectors import rotate_vectors

NAMES = {
    'img': 'img',
    'mask': 'gt_human_mask',
    'gt_depth': 'gt_depth_map',
    'gt_normal': 'gt_normal_map',
    'gt_depth_map': 'gt_depth_map',
    'gt_seg_map': 'gt_seg_map',
}
ROTATION_SHARE, ROTATION_MEAN, ROTATION_MAX = 0.99, 0.3, 8
"""What the fixtures say in words about rotated images and maps."""


@pytest.fixture(params=['depth', 'normal'])
def case(request):
    return Case(f'{request.param}_transforms')


def arrays(case, side, step):
    group = case.group(f'{side}/{step}'.rsplit('/', 1)[0])
    return {
        NAMES[key.split('.', 1)[1]]: value.numpy().copy()
        for key, value in group.items()
        if key.startswith(f'{step}.')
    }


def compare(case, results, expected):
    assert expected
    for key, value in expected.items():
        if key == 'img':
            difference = np.abs(results[key].astype(int) - value)
            assert difference.max() <= case.tolerance['image_atol']
        elif key == 'gt_human_mask':
            assert np.array_equal(results[key], value)
        else:
            np.testing.assert_allclose(results[key], value, rtol=0, atol=case.tolerance['gt_atol'])


@pytest.mark.parametrize('step', ['resize_compensate_up', 'resize_compensate_down'])
def test_maps_follow_a_resized_image(case, step):
    results = arrays(case, 'inputs', step)
    resize = ResizeFields(scale=1, keep_ratio=True, pixel_centres=False)
    resize._resize_seg(results)
    expected = arrays(case, 'outputs', step)
    if 'gt_normal_map' in expected:
        # The reference divides by the length plus 1e-6.
        vectors = torch.from_numpy(expected['gt_normal_map'])
        expected['gt_normal_map'] = F.normalize(vectors, dim=-1).numpy()
    compare(case, results, expected)


@pytest.mark.parametrize('step', ['crop_a', 'crop_b', 'crop_larger_than_image'])
def test_windows_equal_the_reference(case, step):
    results = arrays(case, 'inputs', step)
    crop = RandomCropFields(tuple(case.config[step]['crop_size']))
    np.random.seed(case.scalar(f'{step}.numpy_seed'))
    compare(case, crop(results), arrays(case, 'outputs', step))


def test_fixed_size_equals_the_reference(case):
    resize = ResizeFields(
        scale=tuple(case.config['resize']['scale']),
        keep_ratio=False,
        compensate_vectors=False,
        pixel_centres=False,
    )
    results = resize(arrays(case, 'inputs', 'resize'))
    compare(case, results, arrays(case, 'outputs', 'resize'))


def test_mirror_equals_the_reference(case):
    results = RandomFlipFields(prob=1.0)(arrays(case, 'inputs', 'flip'))
    compare(case, results, arrays(case, 'outputs', 'flip'))


@pytest.mark.parametrize('step', ['rotate_a', 'rotate_b'])
def test_rotation_equals_the_reference(step):
    case = Case('depth_transforms')
    cfg = case.config[step]
    rotate = RandomRotateFields(
        prob=cfg['prob'], degree=cfg['degree'], fill=dict(depth_map=cfg['depth_pad_val'])
    )
    np.random.seed(case.scalar(f'{step}.numpy_seed'))
    results = rotate(arrays(case, 'inputs', step))
    for key, expected in arrays(case, 'outputs', step).items():
        if key == 'img':
            difference = np.abs(results[key].astype(int) - expected)
            assert difference.mean() <= ROTATION_MEAN
            assert difference.max() <= ROTATION_MAX
        else:
            equal = np.isclose(results[key], expected, atol=case.tolerance['gt_atol'])
            assert equal.mean() >= ROTATION_SHARE


def test_depth_target_equals_the_reference():
    case = Case('depth_transforms')
    results = GenerateDepthTarget()(arrays(case, 'inputs', 'target'))
    compare(case, results, arrays(case, 'outputs', 'target'))


def test_metric_depth_target_equals_the_reference():
    case = Case('depth_transforms')
    step = GenerateDepthTarget(normalize=False, background=-1000)
    results = step(arrays(case, 'inputs', 'target'))
    compare(case, results, arrays(case, 'outputs', 'target_metric'))


def test_reference_leaves_constant_depth_in_its_unit():
    case = Case('depth_transforms')
    results = arrays(case, 'inputs', 'target')
    constant = case.scalar('target_constant_depth_unique_values')[-1]
    results['gt_depth_map'][:] = constant
    kept = GenerateDepthTarget(keep_constant=True)(dict(results))
    assert np.unique(kept['gt_depth_map']).tolist() == case.scalar(
        'target_constant_depth_unique_values'
    )
    ours = GenerateDepthTarget()(results)
    assert (ours['gt_depth_map'] == -1).all()


def test_empty_mask_gives_no_target():
    case = Case('depth_transforms')
    results = arrays(case, 'inputs', 'target')
    results['gt_human_mask'][:] = 0
    target = GenerateDepthTarget()(results)['gt_depth_map']
    expected = case.scalar('target_empty_mask_unique_values')
    assert np.unique(target).tolist() == expected


def test_normal_target_equals_the_reference():
    case = Case('normal_transforms')
    background = case.config['target']['background_val']
    step = GenerateNormalTarget(background=background)
    results = step(arrays(case, 'inputs', 'target'))
    expected = arrays(case, 'outputs', 'target')
    # The reference stores normals under the name of depth.
    expected['gt_normal_map'] = expected.pop('gt_depth_map')
    compare(case, results, expected)


def test_sides_of_labels_equal_the_reference():
    case = Case('seg_flip')
    results = {
        name.split('/')[1]: tensor.numpy().copy()
        for name, tensor in case.tensors.items()
        if name.startswith('inputs/')
    }
    flip = RandomFlipFields(prob=1.0, label_pairs=case.config['swap_seg_labels'])
    results = flip(results)
    for key in ('img', 'gt_seg_map'):
        assert np.array_equal(results[key], case[f'outputs/{key}'].numpy())


def test_rotated_vectors_turn_clockwise():
    right = np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(rotate_vectors(right, 90), [[0, -1, 0]], atol=1e-12)
