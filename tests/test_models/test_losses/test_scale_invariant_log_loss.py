import math

import pytest
import torch
from parity import Case

from mmsapiens.models.losses import ScaleInvariantLogLoss, scale_invariant_log_loss


@pytest.fixture
def case():
    return Case('depth_losses')


def reference(**cfg):
    """The loss as the reference implementation has it."""
    return ScaleInvariantLogLoss(clamped_slope=0, **cfg)


@pytest.mark.parametrize('name', ['mean', 'weight_half', 'eps_1e-3'])
def test_loss_equals_the_reference(case, name):
    value = reference(**case.config[name])(case['inputs/pred'], case['inputs/target'])
    assert value.item() == pytest.approx(case.scalar(name), rel=case.tolerance['rtol'])


def test_samples_and_gradient_equal_the_reference(case):
    pred = case['inputs/pred'].clone().requires_grad_()
    losses = scale_invariant_log_loss(pred, case['inputs/target'])
    case.assert_close(losses, case['outputs/none'])
    assert losses.sum().item() == pytest.approx(case.scalar('sum'), rel=case.tolerance['rtol'])
    losses.mean().backward()
    case.assert_grad_close(pred.grad, case['grads/mean'])


def test_sample_without_valid_pixels_counts_as_zero(case):
    target = case['inputs/target'].clone()
    target[1] = -1
    pred = case['inputs/pred'].clone().requires_grad_()
    losses = scale_invariant_log_loss(pred, target)
    losses.mean().backward()
    expected = case['outputs/none'].clone()
    expected[1] = 0
    case.assert_close(losses, expected)
    assert (pred.grad[1] == 0).all()
    assert pred.grad.isfinite().all()


def test_common_factor_costs_half(case):
    target = case['inputs/target'].abs() + 0.5
    value = reference()(target / 2, target)
    assert value.item() == pytest.approx(
        case.scalar('constant_factor_2_everywhere'), rel=case.tolerance['rtol']
    )
    assert math.sqrt(0.5) * math.log(2) == pytest.approx(value.item())


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('pixels', [1, 12])
def test_perfect_prediction_has_a_finite_gradient(dtype, pixels):
    target = torch.linspace(0.1, 1, pixels)[None].to(dtype)
    pred = target.clone().requires_grad_()
    value = reference()(pred, target)
    value.backward()
    assert value == 0
    assert (pred.grad == 0).all()


@pytest.mark.parametrize('error', [1e-12, 1e-6, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_small_and_large_errors_have_finite_gradients(error, dtype):
    target = torch.full((1, 5), 0.5)
    pred = (target + error).to(dtype).requires_grad_()
    reference()(pred, target).backward()
    assert pred.grad.isfinite().all()


def test_nan_in_the_prediction_is_left_out():
    target = torch.tensor([[0.5, 0.25, 1.0]])
    pred = torch.tensor([[math.nan, 0.5, 2.0]], requires_grad=True)
    value = reference()(pred, target)
    value.backward()
    assert value.item() == pytest.approx(math.sqrt(0.5) * math.log(2))
    assert pred.grad[0, 0] == 0
    assert pred.grad.isfinite().all()


def test_only_valid_pixels_count():
    target, pred = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, 9.0]])
    valid = torch.tensor([[True, False]])
    assert ScaleInvariantLogLoss()(pred, target, valid) == 0


def test_negative_predictions_learn_unless_told_otherwise():
    target = torch.tensor([[0.5, 1.0]])
    for slope, learns in ((1.0, True), (0.0, False)):
        pred = torch.tensor([[-0.1, -0.2]], requires_grad=True)
        loss = ScaleInvariantLogLoss(clamped_slope=slope)
        value = loss(pred, target)
        value.backward()
        assert bool((pred.grad < 0).all()) == learns
        assert value == reference()(pred.detach(), target)


def test_gradient_is_exact(generator):
    pred, target = torch.rand(2, 2, 5, generator=generator).double().add(0.1).unbind()
    assert torch.autograd.gradcheck(
        lambda x: scale_invariant_log_loss(x, target), pred.requires_grad_()
    )


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match='`eps` must be above 0, but got 0'):
        ScaleInvariantLogLoss(eps=0)
    with pytest.raises(ValueError, match='`clamped_slope` must not be neg'):
        ScaleInvariantLogLoss(clamped_slope=-1)
