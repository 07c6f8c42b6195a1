import math

import numpy as np
import pytest
import torch

from mmsapiens.dense.metrics import NormalAngleMetric
from mmsapiens.evaluation.maps import STEPS_PER_DEGREE, histogram_median
from mmsapiens.ops.unit_vectors import angles_deg
from mmsapiens.registry import METRICS


def turned(degrees):
    """Normals (3, 1, P), each at an angle to the axis z."""
    radians = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    zero = torch.zeros_like(radians)
    return torch.stack([radians.sin(), zero, radians.cos()])[:, None].float()


def sample(pred, gt=None, mask=None, name='a.png'):
    gt = turned([0.0] * pred.shape[-1]) if gt is None else gt
    result = dict(img_path=name, pred_normal_map=dict(data=pred), gt_normal_map=dict(data=gt))
    if mask is not None:
        result['gt_human_mask'] = dict(data=mask)
    return result


def evaluate(*samples, **kwargs):
    metric = METRICS.build(dict(type='mmsapiens.NormalAngleMetric', **kwargs))
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_a_case_by_hand():
    figures = evaluate(sample(turned([0.0, 6.0, 10.0, 20.0, 90.0])), sample(turned([25.0])))
    expected = {
        'pixel/mean': (126 + 25) / 6,
        'pixel/median': (10 + 20) / 2,
        'pixel/a5': 100 / 6,
        'pixel/a7.5': 200 / 6,
        'pixel/a11.25': 300 / 6,
        'pixel/a22.5': 400 / 6,
        'pixel/a30': 500 / 6,
        'image/mean': (126 / 5 + 25) / 2,
        'image/median': (10 + 25) / 2,
        'image/a5': 10,
        'image/a7.5': 20,
        'image/a11.25': 30,
        'image/a22.5': 40,
        'image/a30': 90,
    }
    assert list(figures) == list(expected)
    assert figures == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize('angle', [0.0, 1e-3, 90.0, 179.999, 180.0])
def test_angles_are_exact_where_the_arc_cosine_is_not(angle):
    radians = math.radians(angle)
    one = np.array([[0.0], [0.0], [1.0]])
    other = 3 * np.array([[0.0], [math.sin(radians)], [math.cos(radians)]])
    assert angles_deg(one, other)[0] == pytest.approx(angle, abs=1e-12)
    assert math.isnan(angles_deg(one * 0, other)[0])


def test_length_of_a_prediction_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    pred = torch.randn(3, 4, 5, generator=generator)
    gt = torch.nn.functional.normalize(pred.flip(0), dim=0)
    short = evaluate(sample(pred / 1024, gt))
    assert short == evaluate(sample(pred * 8, gt))
    assert evaluate(sample(gt, gt))['pixel/mean'] == 0


def test_only_valid_pixels_count():
    pred = turned([0.0, 10.0, 50.0, 60.0, 70.0])
    gt = turned([0.0] * 5)
    gt[:, 0, 2] = 0
    gt[:, 0, 3] = -1000
    pred[:, 0, 3] = math.nan
    mask = torch.tensor([[[1, 1, 1, 1, 0]]], dtype=torch.uint8)
    figures = evaluate(sample(pred, gt, mask))
    assert figures['pixel/mean'] == pytest.approx(5, abs=1e-5)


@pytest.mark.parametrize('count', [1, 2, 7, 1000])
def test_median_of_the_histogram_is_that_of_the_values(count):
    rng = np.random.default_rng(count)
    steps = rng.integers(0, 180 * STEPS_PER_DEGREE + 1, count)
    counts = np.bincount(steps, minlength=180 * STEPS_PER_DEGREE + 1)
    expected = np.median(steps) / STEPS_PER_DEGREE
    assert histogram_median(counts) == pytest.approx(expected, abs=1e-12)


def test_median_of_values_is_within_half_a_step():
    generator = torch.Generator().manual_seed(1)
    degrees = torch.rand(4001, generator=generator).mul(60)
    pred = turned(degrees.tolist())
    exact = np.median(angles_deg(pred[:, 0].numpy(), turned([0.0])[:, 0].numpy()))
    figures = evaluate(sample(pred))
    assert abs(figures['pixel/median'] - exact) <= 0.5001 / STEPS_PER_DEGREE
    assert figures['image/median'] == figures['pixel/median']


def test_blocks_do_not_change_the_figures(monkeypatch):
    generator = torch.Generator().manual_seed(2)
    pred = torch.randn(3, 10, 10, generator=generator)
    gt = torch.nn.functional.normalize(pred.flip(0), dim=0)
    whole = evaluate(sample(pred, gt))
    monkeypatch.setattr('mmsapiens.evaluation.maps._BLOCK', 7)
    assert evaluate(sample(pred, gt)) == pytest.approx(whole, rel=1e-12)


def test_what_an_image_leaves_is_small():
    metric = NormalAngleMetric()
    generator = torch.Generator().manual_seed(3)
    pred = torch.randn(3, 1000, 1000, generator=generator)
    gt = torch.nn.functional.normalize(pred.flip(0), dim=0)
    metric.process({}, [sample(pred, gt)])
    assert len(metric.results[0]['counts']) < 300_000


def test_image_without_a_valid_pixel_is_left_out_and_counted(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmsapiens.dense.metrics.print_log', lambda message, **_: lines.append(message)
    )
    good = sample(turned([3.0, 9.0]))
    empty = sample(turned([50.0]), torch.zeros(3, 1, 1))
    assert evaluate(good, empty) == evaluate(good)
    assert '1 images without a valid pixel are left out' in lines[0]
    assert all(math.isnan(value) for value in evaluate(empty).values())


def test_nan_prediction_names_the_image():
    pred = turned([0.0, 5.0])
    pred[1, 0, 1] = math.nan
    with pytest.raises(ValueError, match='b.png has 1 values that are NaN'):
        evaluate(sample(pred, name='b.png'))


def test_sizes_that_differ_name_the_image():
    with pytest.raises(ValueError, match='`pred_normal_map` of a.png must'):
        evaluate(sample(turned([0.0, 1.0]), turned([0.0])))


@pytest.mark.parametrize('threshold', [0, -5, 181, math.nan])
def test_wrong_thresholds_are_refused(threshold):
    with pytest.raises(ValueError, match='`thresholds` must be angles'):
        NormalAngleMetric(thresholds=(5, threshold))
