import pytest
import torch

from mmsapiens.registry import METRICS
from mmsapiens.structures.fields import get_field


def evaluate(field, *pairs, masks=None):
    row = get_field(field)
    metric = METRICS.build(dict(type='mmsapiens.MapErrorMetric', field=field))
    samples = []
    for index, (pred, gt) in enumerate(pairs):
        sample = {row.pred_name: dict(data=pred), row.gt_name: dict(data=gt)}
        if masks is not None:
            sample['gt_human_mask'] = dict(data=masks[index])
        samples.append(sample)
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def constant(*values, pixels=4):
    return torch.tensor(values)[:, None, None].expand(-1, 1, pixels).clone()


def test_albedo_by_hand():
    small, large = constant(0.5, 0.5, 0.5, pixels=1), constant(0.5, 0.5, 0.5, pixels=3)
    figures = evaluate('albedo_map', (small + 0.3, small), (large - 0.1, large))
    assert figures['pixel/mae'] == pytest.approx((0.3 + 3 * 0.1) / 4, abs=1e-6)
    assert figures['image/mae'] == pytest.approx(0.2, abs=1e-6)


def test_only_known_pixels_of_people_count():
    gt = constant(0.5, 0.5, 0.5)
    pred = gt.clone()
    pred[..., 0] += 0.4
    pred[..., 1], gt[..., 1] = 0.9, -1.0
    mask = torch.tensor([[[1, 1, 1, 0]]])
    pred[..., 3] = 0.0
    assert evaluate('albedo_map', (pred, gt), masks=[mask])['pixel/mae'] == pytest.approx(0.2)
    assert evaluate('albedo_map', (pred, gt), masks=[mask * 0]) == {}


def test_points_before_and_after_their_scale():
    gt = torch.tensor([[0.3, -0.2, 0.1], [0.5, 0.0, 0.4], [2.0, 2.5, 3.0]])[:, None]
    figures = evaluate('point_map', (gt * 1.25, gt))
    distances = gt.norm(dim=0).mean().item() * 25
    assert figures['pixel/distance_cm'] == pytest.approx(distances, rel=1e-5)
    assert figures['pixel/scaled_distance_cm'] == pytest.approx(0, abs=1e-4)
    broken = evaluate('point_map', (torch.full_like(gt, torch.nan), gt))
    assert broken['pixel/distance_cm'] == pytest.approx(4 * distances, rel=1e-5)


def test_mattes_by_hand():
    gt = constant(0.2, 0.2, 0.2, 0.5)
    figures = evaluate('matte_map', (gt + torch.tensor([0.1, 0.1, 0.1, 0.3])[:, None, None], gt))
    assert figures['pixel/opacity_mae'] == pytest.approx(0.3, abs=1e-6)
    assert figures['pixel/color_mae'] == pytest.approx(0.1, abs=1e-6)


def test_other_fields_are_refused():
    with pytest.raises(ValueError, match='albedo_map'):
        METRICS.build(dict(type='mmsapiens.MapErrorMetric', field='normal_map'))
