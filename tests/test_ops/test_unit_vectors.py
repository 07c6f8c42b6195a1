import pytest
import torch
import torch.nn.functional as F

from mmsapiens.ops.unit_vectors import unit_vectors


@pytest.mark.parametrize('dim, shape', [(0, (3, 7, 5)), (1, (2, 3, 7, 5))])
@pytest.mark.parametrize('scale', [0.0, 1e-20, 1e-7, 1.0, 1e10])
def test_numbers_and_gradients_of_normalize(dim, shape, scale):
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(shape, generator=generator) * scale
    stock = ours.clone()
    weights = torch.randn(shape, generator=generator)
    ours.requires_grad_()
    stock.requires_grad_()
    found = unit_vectors(ours, dim, eps=1e-6)
    wanted = F.normalize(stock, dim=dim, eps=1e-6)
    torch.testing.assert_close(found, wanted, rtol=5e-7, atol=2e-7)
    (found * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(ours.grad, stock.grad, rtol=1e-5, atol=2e-6 / max(scale, 1e-6))


def test_gradients():
    vectors = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: unit_vectors(x, 1), vectors)
