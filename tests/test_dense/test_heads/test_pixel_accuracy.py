import pytest
import torch
from mmseg.models.losses import accuracy

from mmsapiens.dense.heads import pixel_accuracy


@pytest.mark.parametrize('all_ignored', [False, True])
def test_accuracy_equals_that_of_mmsegmentation(all_ignored, generator):
    pred = torch.randn(2, 5, 9, 7, generator=generator, requires_grad=True)
    target = torch.randint(0, 5, (2, 9, 7), generator=generator)
    target[:, :3] = 255
    if all_ignored:
        target[:] = 255
    expected = accuracy(pred, target, ignore_index=255)
    actual = pixel_accuracy(pred, target, 255)
    torch.testing.assert_close(actual, expected.detach())
    assert not actual.requires_grad
