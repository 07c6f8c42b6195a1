import pytest
import torch
from parity import Case

from mmsapiens.models.losses import (
    NormalCosineLoss,
    NormalL1Loss,
    normal_cosine_loss,
    normal_l1_loss,
)

LOSSES = dict(cosine=normal_cosine_loss, l1=normal_l1_loss)


@pytest.fixture
def case():
    return Case('normal_losses')


def valid_of(case):
    return case['inputs/target'][:, 0] > case.config['cosine']['eps']


@pytest.mark.parametrize('name', ['cosine', 'l1'])
def test_loss_and_gradient_equal_the_reference(case, name):
    pred = case['inputs/pred'].clone().requires_grad_()
    valid = valid_of(case)
    value = LOSSES[name](pred, case['inputs/target'], valid)
    rel = case.tolerance['rtol']
    assert value.item() == pytest.approx(case.scalar(name), rel=rel)
    assert value.item() * valid.sum().item() == pytest.approx(case.scalar(f'{name}_sum'), rel=rel)
    value.backward()
    case.assert_grad_close(pred.grad, case[f'grads/{name}'])


@pytest.mark.parametrize('name', ['cosine', 'l1'])
def test_explicit_mask_equals_the_reference(case, name):
    mask = case['inputs/valid_mask'][:, 0].bool()
    value = LOSSES[name](case['inputs/pred'], case['inputs/target'], mask)
    assert value.item() == pytest.approx(case.scalar(f'{name}_mask'), rel=case.tolerance['rtol'])


def test_weight_multiplies(case):
    weight = case.config['cosine_weight_3']['loss_weight']
    value = NormalCosineLoss(loss_weight=weight)(
        case['inputs/pred'], case['inputs/target'], valid_of(case)
    )
    assert value.item() == pytest.approx(case.scalar('cosine_weight_3'), rel=case.tolerance['rtol'])


def test_opposite_normals_cost_two():
    up = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    everywhere = torch.ones(1, 1, 1, dtype=torch.bool)
    assert normal_cosine_loss(up, -3 * up, everywhere) == 2
    assert normal_cosine_loss(up, up, everywhere) == 0
    assert normal_l1_loss(up, -up, everywhere) == 2


@pytest.mark.parametrize('loss', [NormalCosineLoss(), NormalL1Loss()])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
@pytest.mark.parametrize('pred', ['zero', 'perfect', 'huge'])
@pytest.mark.parametrize('pixels', [0, 1, 9])
def test_gradients_are_finite(loss, dtype, pred, pixels):
    target = torch.zeros(1, 3, 3, 3)
    target[:, 1] = 1
    factor = dict(zero=0.0, perfect=1.0, huge=6e4)[pred]
    vectors = (target * factor).to(dtype).requires_grad_()
    valid = (torch.arange(9) < pixels).view(1, 3, 3)
    value = loss(vectors, target, valid)
    value.backward()
    assert value.isfinite()
    assert vectors.grad.isfinite().all()
    if not pixels:
        assert value == 0
        assert (vectors.grad == 0).all()


@pytest.mark.parametrize('loss', LOSSES.values())
def test_invalid_pixels_have_no_gradient(loss, generator):
    pred = torch.rand(1, 3, 2, 2, generator=generator)
    pred[..., 0, 0] = float('nan')
    target = torch.full((1, 3, 2, 2), -1000.0)
    valid = torch.zeros(1, 2, 2, dtype=torch.bool)
    valid[0, 1, 1] = True
    pred.requires_grad_()
    loss(pred, target, valid).backward()
    assert pred.grad.isfinite().all()
    assert (pred.grad[..., ~valid[0]] == 0).all()


@pytest.mark.parametrize('loss', LOSSES.values())
def test_gradient_is_exact(loss, generator):
    pred, target = torch.rand(2, 1, 3, 2, 2, generator=generator).double()
    valid = torch.tensor([[[True, False], [True, True]]])
    assert torch.autograd.gradcheck(lambda x: loss(x, target, valid), pred.requires_grad_())


def test_nan_at_a_valid_pixel_is_not_hidden():
    pred = torch.full((1, 3, 1, 1), float('nan'))
    valid = torch.ones(1, 1, 1, dtype=torch.bool)
    for loss in LOSSES.values():
        assert loss(pred, torch.ones(1, 3, 1, 1), valid).isnan()
