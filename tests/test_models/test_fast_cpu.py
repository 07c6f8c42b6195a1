"""The faster ways on CPUs give the numbers of the plain ones."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsapiens.models import Sapiens2ViT, fast_cpu

TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 4e-3}


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request):
    if not fast_cpu.has_products(request.param):
        pytest.skip(f'oneDNN has no products of {request.param} here')
    return request.param


@pytest.mark.parametrize('shared', [1, 2])
def test_attention_is_that_of_torch(dtype, shared, monkeypatch):
    monkeypatch.setattr(fast_cpu, 'FEWEST_TOKENS', 8)
    monkeypatch.setattr(fast_cpu, 'SCORES_AT_ONCE', 300)  # rows of a head in parts, the last short
    torch.manual_seed(0)
    query = torch.randn(2, 37, 4, 8, dtype=dtype).transpose(1, 2)
    key, value = (torch.randn(2, 37, 4 // shared, 8, dtype=dtype).transpose(1, 2) for _ in 'kv')
    exact = F.scaled_dot_product_attention(
        query.double(), key.double(), value.double(), enable_gqa=True
    )
    calls = []
    multiply = fast_cpu.multiply
    monkeypatch.setattr(fast_cpu, 'multiply', lambda *args: calls.append(1) or multiply(*args))
    with torch.no_grad():
        found = fast_cpu.attend(query, key, value)
    assert len(calls) == 2 * 4 * 2 * 5
    torch.testing.assert_close(found.double(), exact, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    assert found.dtype == dtype
    stock = fast_cpu.attend(query, key, value)  # with gradients on
    assert len(calls) == 80
    torch.testing.assert_close(stock.double(), exact, atol=2e-2, rtol=2e-2)


def test_linear_layers_that_are_more_are_left_alone(dtype):
    torch.manual_seed(0)
    layer, x = nn.Linear(8, 6, dtype=dtype), torch.randn(3, 8, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(fast_cpu.linear(layer, x), layer(x))
        handle = layer.register_forward_hook(lambda *args: args[-1] + 1)
        torch.testing.assert_close(
            fast_cpu.linear(layer, x), F.linear(x, layer.weight, layer.bias) + 1
        )
        handle.remove()

    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    doubled = Doubled(8, 6, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(
            fast_cpu.linear(doubled, x), 2 * F.linear(x, doubled.weight, doubled.bias)
        )


def test_an_encoder_gives_the_same_with_and_without_gradients(dtype, monkeypatch):
    monkeypatch.setattr(fast_cpu, 'FEWEST_TOKENS', 8)
    torch.manual_seed(0)
    arch = dict(embed_dims=32, num_layers=18, num_heads=4, feedforward_channels=64)
    model = Sapiens2ViT(arch, (64, 48), rope_dtype='float32', layer_scale=1.0).eval()
    model.init_weights()
    model.to(dtype)
    image = torch.randn(2, 3, 64, 48, dtype=dtype)
    plain = model(image)[0]
    with torch.inference_mode():
        fast = model(image)[0]
    assert plain.requires_grad and not fast.requires_grad
    limit = dict(atol=1e-5, rtol=1e-5) if dtype == torch.float32 else dict(atol=0.1, rtol=0.1)
    torch.testing.assert_close(fast, plain, **limit)
