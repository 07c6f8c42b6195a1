"""The fast ways on a CPU give the numbers of the layers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsapiens.models.layers import (
    FeedForward,
    MultiheadAttention,
    PatchEmbed,
    TransformerLayer,
    conv_layers,
    deconv_layers,
)
from mmsapiens.models.layers.fast_trunk import double_size, normalize_and_activate_
from mmsapiens.models.layers.plain_inference import is_plain_inference


@pytest.mark.parametrize('tiles', [1, 7, 512])
@pytest.mark.parametrize('size', [(1, 1), (2, 3), (5, 4), (8, 6), (13, 10)])
def test_doubling_is_the_transposed_convolution(size, tiles, generator, monkeypatch):
    monkeypatch.setattr('mmsapiens.models.layers.fast_trunk.TILES_AT_A_TIME', tiles)
    height, width = size
    image = torch.randn(1, 6, height, width, generator=generator)
    weight = torch.randn(6, 5, 4, 4, generator=generator)
    expected = F.conv_transpose2d(image.double(), weight.double(), stride=2, padding=1)
    out = torch.full((2 * height, 2 * width, 5), float('nan'))
    double_size(image[0].permute(1, 2, 0).contiguous(), weight, out)
    torch.testing.assert_close(out.permute(2, 0, 1)[None].double(), expected, atol=2e-5, rtol=1e-5)


def test_norm_and_activation_in_place(generator):
    image = 3 + 5 * torch.randn(1, 4, 40, 30, generator=generator)
    expected = F.silu(F.instance_norm(image.double()))
    pixels = image[0].flatten(1).T.contiguous()
    assert normalize_and_activate_(pixels, 1e-5) is pixels
    torch.testing.assert_close(pixels.T.reshape(1, 4, 40, 30).double(), expected, atol=1e-5, rtol=0)


@pytest.fixture
def every_size(monkeypatch):
    monkeypatch.setattr('mmsapiens.models.layers.fast_trunk.LEAST_VALUES', 1)


@pytest.mark.parametrize('kernel', [2, 3, 4])
def test_trunk_without_gradients_equals_its_layers(kernel, generator, every_size):
    trunk = deconv_layers(6, [8, 4], [kernel, 4])
    convs = conv_layers(4, [8, 8], [1, 3])
    x = torch.randn(2, 6, 5, 4, generator=generator)
    expected = nn.Sequential(*convs)(nn.Sequential(*trunk)(x)).detach()
    with_gradients = convs(trunk(x))
    assert with_gradients.requires_grad
    torch.testing.assert_close(with_gradients.detach(), expected)
    before = x.clone()
    with torch.no_grad():
        middle = trunk(x)
        assert not middle.is_contiguous()  # it took the fast way
        fast = convs(middle)
    assert torch.equal(x, before)
    torch.testing.assert_close(fast, expected, atol=1e-4, rtol=1e-4)


def test_feed_forward_without_gradients_is_equal(generator):
    layer = FeedForward(8, 16)
    x = torch.randn(2, 3, 8, generator=generator)
    before = x.clone()
    with torch.no_grad():
        fast = layer(x)
    assert torch.equal(x, before)
    torch.testing.assert_close(fast, layer(x).detach())


def test_attention_without_gradients_is_equal(generator):
    layer = MultiheadAttention(8, 2)
    x = torch.randn(2, 5, 8, generator=generator)
    with torch.no_grad():
        fast = layer(x)
    torch.testing.assert_close(fast, layer(x).detach())


def test_tokens_stay_in_one_order_of_memory(generator):
    tokens, _ = PatchEmbed(8, 4)(torch.randn(2, 3, 8, 12, generator=generator))
    assert tokens.is_contiguous()
    assert TransformerLayer(8, 2, 16)(tokens).is_contiguous()


def test_only_plain_numbers_take_the_fast_way():
    x = torch.zeros(1)
    assert not is_plain_inference(x)
    with torch.inference_mode():
        assert is_plain_inference(torch.zeros(1))
        assert not is_plain_inference(torch.zeros(1, dtype=torch.bfloat16))
        with torch.autocast('cpu', torch.bfloat16):
            assert not is_plain_inference(torch.zeros(1))


def test_compiled_trunk_is_the_sequence_of_layers(generator, every_size):
    trunk = deconv_layers(4, [4], [4])
    x = torch.randn(1, 4, 3, 2, generator=generator)
    with torch.no_grad():
        compiled = torch.compile(trunk, backend='eager', fullgraph=True)(x)
        assert compiled.is_contiguous()
        torch.testing.assert_close(compiled, trunk(x), atol=1e-4, rtol=1e-4)
