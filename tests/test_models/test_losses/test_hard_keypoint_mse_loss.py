import pytest
import torch
from mmpose.models.losses import KeypointOHKMMSELoss
from parity import Case

from mmsapiens.models import HardKeypointMSELoss


@pytest.mark.parametrize('name', ['ohkm', 'ohkm_no_weight', 'ohkm_all'])
def test_loss_and_gradient_equal_the_reference(name):
    case = Case('pose_losses')
    cfg = {k: v for k, v in case.config[name].items() if k != 'type'}
    output = case['inputs/output'].clone().requires_grad_()
    loss = HardKeypointMSELoss(**cfg)(output, case['inputs/target'], case['inputs/weights'])
    assert loss.item() == pytest.approx(case.scalar(name), rel=case.tolerance['rtol'])
    if f'grads/{name}' in case.tensors:
        loss.backward()
        case.assert_grad_close(output.grad, case[f'grads/{name}'])


@pytest.mark.parametrize('topk', [1, 4, 7])
def test_loss_and_gradient_equal_stock(topk, generator):
    pred, target = torch.rand(2, 3, 7, 6, 5, generator=generator)
    weights = torch.rand(3, 7, generator=generator).round(decimals=1)
    grads = []
    for loss_type in (HardKeypointMSELoss, KeypointOHKMMSELoss):
        output = pred.clone().requires_grad_()
        loss = loss_type(use_target_weight=True, topk=topk, loss_weight=2.0)
        value = loss(output, target, weights)
        value.backward()
        grads.append((value.detach(), output.grad))
    torch.testing.assert_close(grads[0], grads[1])


def test_only_the_hardest_keypoint_counts():
    pred = torch.tensor([1.0, 3.0, 2.0]).view(1, 3, 1, 1)
    loss = HardKeypointMSELoss(topk=1)
    zeros, ones = torch.zeros_like(pred), torch.ones(1, 3)
    assert loss(pred, zeros, ones) == 9
    assert loss(pred, zeros, torch.tensor([[1.0, 0.5, 1.0]])) == 4


def test_gradient_is_exact(generator):
    pred = torch.rand(2, 4, 2, 2, dtype=torch.float64, generator=generator)
    target, weights = torch.zeros_like(pred), torch.ones(2, 4).double()
    loss = HardKeypointMSELoss(topk=2)
    assert torch.autograd.gradcheck(
        lambda output: loss(output, target, weights), pred.requires_grad_()
    )


def test_bad_settings_are_refused():
    maps, weights = torch.zeros(1, 3, 2, 2), torch.ones(1, 3)
    with pytest.raises(ValueError, match='must be positive, but got 0'):
        HardKeypointMSELoss(topk=0)
    with pytest.raises(ValueError, match='keypoints, 3, but got 4'):
        HardKeypointMSELoss(topk=4)(maps, maps, weights)
    with pytest.raises(ValueError, match='`target_weights` are needed'):
        HardKeypointMSELoss(topk=1)(maps, maps)
