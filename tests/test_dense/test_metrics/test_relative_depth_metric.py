import math

import numpy as np
import pytest
import torch
from parity import Case

from mmsapiens.dense.metrics import RelativeDepthMetric
from mmsapiens.evaluation.maps import DEPTH_FIGURES
from mmsapiens.ops.depth_alignment import fit_scale_shift
from mmsapiens.registry import METRICS


def sample(pred, gt, mask=None, name='a.png'):
    def maps(values):
        return dict(data=torch.as_tensor(values)[None])

    result = dict(img_path=name, pred_depth_map=maps(pred), gt_depth_map=maps(gt))
    if mask is not None:
        result['gt_human_mask'] = maps(mask)
    return result


def evaluate(*samples, **kwargs):
    kwargs.setdefault('depth_metrics', DEPTH_FIGURES)
    metric = METRICS.build(dict(type='mmsapiens.RelativeDepthMetric', **kwargs))
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def random_depth(seed=0, size=(6, 7)):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(size, generator=generator, dtype=torch.float64) + 1


def test_a_case_by_hand():
    # Ratios 1, 1.5 and 2, the first within each bound, the last in none.
    figures = evaluate(sample([[1.0, 3.0, 8.0]], [[1.0, 2.0, 4.0]]), align='none')
    assert figures['rmse'] == pytest.approx(math.sqrt((1 + 16) / 3))
    assert figures['abs_rel'] == pytest.approx((0 + 0.5 + 1) / 3)
    assert figures['sq_rel'] == pytest.approx((0 + 0.5 + 4) / 3)
    assert figures['log10'] == pytest.approx(math.log10(3) / 3)
    assert [figures[f'd{i}'] for i in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_least_squares_by_hand():
    # Regression of 1, 2, 6 on 0, 1, 2: 3 + 2.5 (p - 1).
    pred, target = np.array([0.0, 1, 2]), np.array([1.0, 2, 6])
    assert fit_scale_shift(pred, target, 'scale_shift') == (2.5, 0.5)
    assert fit_scale_shift(pred, target, 'scale') == (14 / 5, 0)
    assert fit_scale_shift(pred, target, 'median') == (2, 0)
    assert fit_scale_shift(pred, target, 'none') == (1, 0)
    figures = evaluate(sample([[0.0, 1, 2]], [[1.0, 2, 6]]))
    # Aligned: 0.5, 3, 5.5.
    assert figures['rmse'] == pytest.approx(math.sqrt((0.25 + 1 + 0.25) / 3))


def test_an_affine_prediction_has_no_error():
    depth = random_depth().float()
    figures = evaluate(sample(0.25 * depth - 3, depth))
    assert figures['rmse'] == pytest.approx(0, abs=1e-6)
    assert [figures[f'd{i}'] for i in (1, 2, 3)] == [1, 1, 1]
    scaled = evaluate(sample(7 * depth, depth), align='scale')
    assert scaled['rmse'] == pytest.approx(0, abs=1e-6)


def test_affine_disparity_has_no_error_in_disparity_only():
    depth = random_depth().float()
    each = sample(3 / depth + 2, depth)
    good = evaluate(each, space='disparity')
    assert good['rmse'] == pytest.approx(0, abs=1e-5)
    assert evaluate(each, space='depth')['rmse'] > 0.03


def test_only_valid_pixels_count():
    depth = random_depth().float()
    pred, gt = depth * 2, depth.clone()
    mask = torch.ones_like(depth)
    pred[0], mask[0] = 99, 0
    pred[1], gt[1] = -99, -1  # no target
    gt[2] = math.nan
    pred[2] = math.nan  # not looked at: not valid
    assert evaluate(sample(pred, gt, mask))['rmse'] == pytest.approx(0, abs=1e-6)
    gt[3], pred[3] = 50, 7
    assert evaluate(sample(pred, gt, mask))['rmse'] > 1
    limited = evaluate(sample(pred, gt, mask), max_depth_eval=10.0)
    assert limited['rmse'] == pytest.approx(0, abs=1e-6)


def test_nearest_pixel_of_relative_ground_truth_is_left_out():
    gt = torch.tensor([[-1.0, 0.0, 0.5, 1.0]])
    figures = evaluate(sample(gt + 1, gt), align='none')
    assert figures['abs_rel'] == pytest.approx((1 / 0.5 + 1 / 1) / 2)


@pytest.mark.parametrize(
    'name, options',
    [('default', {}), ('min_0.5_max_3', dict(min_depth_eval=0.5, max_depth_eval=3.0))],
)
def test_parity_with_reference(name, options):
    case = Case('metric_depth')
    pairs = zip(case['inputs/pred'], case['inputs/gt'])
    samples = [sample(pred, gt) for pred, gt in pairs]
    figures = evaluate(*samples, align='none', **options)
    expected = case.doc['scalars'][name]
    assert set(figures) == set(expected)
    assert figures == pytest.approx(expected, rel=case.tolerance['rtol'])


def test_a_negative_prediction_is_wrong_instead_of_nan():
    case = Case('metric_depth')
    preds = case['inputs/pred'].clone()
    gts = case['inputs/gt'].clone()
    preds[0, 5, 5], gts[0, 5, 5] = -0.1, 1.0  # as the note says
    samples = [sample(*pair) for pair in zip(preds, gts)]
    figures = evaluate(*samples, align='none')
    assert all(math.isfinite(value) for value in figures.values())
    reference = case.scalar('one_negative_prediction')
    # The reference takes the ratio -0.1 for less than 1.25.
    assert figures['d1'] < reference['d1']
    for name in ('rmse', 'abs_rel', 'sq_rel'):
        assert figures[name] == pytest.approx(reference[name], rel=case.tolerance['rtol'])


@pytest.mark.parametrize('align', ['scale_shift', 'scale', 'median', 'none'])
@pytest.mark.parametrize('space', ['depth', 'disparity'])
@pytest.mark.parametrize('level', [0.0, 2.0, -2.0])
def test_constant_predictions_have_defined_figures(align, space, level):
    depth = random_depth().float()
    figures = evaluate(sample(torch.full_like(depth, level), depth), align=align, space=space)
    assert all(math.isfinite(value) for value in figures.values())
    if (align, space) == ('scale_shift', 'depth'):
        spread = depth.double().std(correction=0).item()
        assert figures['rmse'] == pytest.approx(spread)


def test_a_single_pixel_is_met_by_the_shift():
    gt = torch.full((3, 3), -1.0)
    gt[1, 1] = 2.5
    figures = evaluate(sample(torch.rand(3, 3), gt))
    assert (figures['rmse'], figures['abs_rel'], figures['d1']) == (0, 0, 1)


def test_images_are_averaged_not_pixels():
    few, many = torch.ones(1, 2), torch.ones(10, 10)
    figures = evaluate(sample(few * 2, few), sample(many, many), align='none')
    assert figures['rmse'] == 0.5


def test_image_without_a_valid_pixel_is_left_out_and_counted(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmsapiens.dense.metrics.print_log', lambda message, **_: lines.append(message)
    )
    depth = random_depth().float()
    good = sample(depth + 1, depth)
    empty = sample(depth * math.nan, depth, torch.zeros_like(depth))
    assert evaluate(good, empty, align='none') == evaluate(good, align='none')
    assert '1 images without a valid pixel are left out' in lines[0]
    assert all(math.isnan(value) for value in evaluate(empty).values())


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_nan_prediction_names_the_image(value):
    pred = random_depth().float()
    pred[2, 3] = value
    with pytest.raises(ValueError, match='b.png has 1 values that are NaN'):
        evaluate(sample(pred, random_depth(), name='b.png'))


def test_sizes_that_differ_name_the_image():
    pred = torch.ones(3, 4)
    with pytest.raises(ValueError, match=r'`pred_depth_map` of a.png'):
        evaluate(sample(pred, torch.ones(4, 4)))
    with pytest.raises(ValueError, match=r'`gt_human_mask` of a.png'):
        evaluate(sample(pred, pred, torch.ones(4, 4)))
    missing = sample(pred, pred)
    del missing['gt_depth_map']
    with pytest.raises(ValueError, match='a.png must have `gt_depth_map`'):
        evaluate(missing)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(align='affine'), '`align` must be of'),
        (dict(space='log'), '`space` must be of'),
        (dict(depth_metrics=['rmse', 'd4']), '`depth_metrics` .* got .d4.'),
        (dict(min_depth_eval=-1), '`min_depth_eval` must be at least 0'),
        (dict(min_depth_eval=2, max_depth_eval=1), 'below `max_depth_eval`'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RelativeDepthMetric(**options)
