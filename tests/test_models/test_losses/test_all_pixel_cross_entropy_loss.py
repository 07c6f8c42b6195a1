import math

import pytest
import torch
import torch.nn.functional as F
from parity import Case

from mmsapiens.models.losses import AllPixelCrossEntropyLoss, all_pixel_cross_entropy_loss


@pytest.fixture
def case():
    return Case('seg_losses')


@pytest.mark.parametrize('name', ['ce_none', 'ce_none_weighted'])
def test_default_is_the_mean_of_the_reference_map(case, name):
    loss = AllPixelCrossEntropyLoss(case.config[name].get('class_weight'))
    value = loss(case['inputs/logits'], case['inputs/labels'])
    case.assert_close(value, case[f'outputs/{name}'].mean())


@pytest.mark.parametrize(
    ('name', 'divisor'), [('ce_mean', 'pixels'), ('ce_mean_avg_non_ignore', 'valid_pixels')]
)
def test_divisors_equal_the_reference(case, name, divisor):
    value = AllPixelCrossEntropyLoss(divisor=divisor)(case['inputs/logits'], case['inputs/labels'])
    assert value.item() == pytest.approx(case.scalar(name), rel=case.tolerance['rtol'])


def test_weighted_sum_equals_the_reference(case):
    weight = case.config['ce_sum_weighted']['class_weight']
    labels = case['inputs/labels']
    value = AllPixelCrossEntropyLoss(weight)(case['inputs/logits'], labels)
    assert value.item() * labels.numel() == pytest.approx(
        case.scalar('ce_sum_weighted'), rel=case.tolerance['rtol']
    )


def test_weights_divisor_equals_pytorch(case):
    weight = torch.tensor(case.config['ce_mean_weighted']['class_weight'])
    logits, labels = case['inputs/logits'], case['inputs/labels']
    value = AllPixelCrossEntropyLoss(weight.tolist(), divisor='weights')(logits, labels)
    expected = F.cross_entropy(logits, labels, weight, ignore_index=255)
    torch.testing.assert_close(value, expected)


def test_ignored_pixels_stay_in_the_divisor():
    logits = torch.zeros(1, 4, 1, 2)
    labels = torch.tensor([[[3, 255]]])
    loss = AllPixelCrossEntropyLoss()
    assert loss(logits, labels).item() == pytest.approx(math.log(4) / 2)
    loss = AllPixelCrossEntropyLoss(divisor='valid_pixels')
    assert loss(logits, labels).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize('divisor', ['pixels', 'valid_pixels', 'weights'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_ignored_image_costs_nothing(divisor, dtype):
    logits = torch.full((1, 3, 2, 2), 6e4, dtype=dtype, requires_grad=True)
    labels = torch.full((1, 2, 2), 255)
    loss = AllPixelCrossEntropyLoss([1.0, 2.0, 3.0], divisor=divisor)
    value = loss(logits, labels)
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()


def test_perfect_prediction_has_finite_gradients():
    logits = torch.tensor([100.0, -100.0]).view(1, 2, 1, 1).requires_grad_()
    value = AllPixelCrossEntropyLoss()(logits, torch.zeros(1, 1, 1).long())
    value.backward()
    assert value == 0
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize('divisor', ['pixels', 'valid_pixels', 'weights'])
def test_gradient_is_exact(divisor, generator):
    logits = torch.rand(2, 3, 2, 2, generator=generator).double()
    labels = torch.randint(0, 3, (2, 2, 2), generator=generator)
    labels[0, 0, 0] = 255
    weight = torch.tensor([0.1, 1.0, 4.0])
    assert torch.autograd.gradcheck(
        lambda x: all_pixel_cross_entropy_loss(x, labels, weight, divisor=divisor),
        logits.requires_grad_(),
    )


def test_bad_settings_are_refused():
    logits, labels = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long()
    with pytest.raises(ValueError, match="one of .*, but got 'mean'"):
        AllPixelCrossEntropyLoss(divisor='mean')
    with pytest.raises(ValueError, match='must not be negative'):
        AllPixelCrossEntropyLoss([1.0, -1.0])
    with pytest.raises(ValueError, match='the 3 classes, but got 2'):
        AllPixelCrossEntropyLoss([1.0, 1.0])(logits, labels)
    with pytest.raises(ValueError, match='takes no weights of pixels'):
        AllPixelCrossEntropyLoss()(logits, labels, weight=logits)
