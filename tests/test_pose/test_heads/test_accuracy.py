import pytest
import torch
from mmpose.evaluation.functional import pose_pck_accuracy

from mmsapiens.pose.heads import heatmap_accuracy


@pytest.mark.parametrize('seed', range(5))
def test_accuracy_equals_stock(seed):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(3, 9, 32, 24, generator=generator)
    pred = target + 0.05 * torch.randn(target.shape, generator=generator)
    target[0, 0], pred[1, 1] = 0, -1
    weights = (torch.rand(3, 9, generator=generator) > 0.3).float()
    weights[:, 4] = 0
    _, expected, _ = pose_pck_accuracy(pred.numpy(), target.numpy(), weights.numpy() > 0)
    actual = heatmap_accuracy(pred, target, weights)
    assert actual.item() == pytest.approx(expected)


def test_nobody_labelled_is_zero():
    maps = torch.rand(1, 3, 8, 6)
    assert heatmap_accuracy(maps, maps, torch.zeros(1, 3)) == 0
    assert heatmap_accuracy(maps, maps, torch.ones(1, 3)) == 1
