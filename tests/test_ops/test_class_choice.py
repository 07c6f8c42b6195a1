import pytest
import torch

from mmsapiens.ops.class_choice import choose_class


@pytest.mark.parametrize('classes', [1, 2, 28, 255, 300])
def test_equals_argmax(classes, generator):
    logits = torch.randn(classes, 17, 13, generator=generator)
    chosen = choose_class(logits)
    assert chosen.dtype == torch.int64
    assert torch.equal(chosen, logits.argmax(0, keepdim=True))


def test_first_of_equal_logits_wins():
    logits = torch.tensor([1.0, 3.0, 3.0, 2.0]).view(4, 1, 1)
    assert choose_class(logits).item() == 1
    assert choose_class(torch.full((4, 1, 1), -float('inf'))).item() == 0


def test_nan_is_chosen_as_by_max(generator):
    logits = torch.randn(5, 4, 4, generator=generator)
    logits[3, 1, 2] = float('nan')
    expected = logits.max(0, keepdim=True).indices
    assert torch.equal(choose_class(logits), expected)
