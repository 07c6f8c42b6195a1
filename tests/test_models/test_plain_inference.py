"""The fast ways on a CPU give the numbers of the layers."""

import torch

from mmsapiens.models.layers import (
    FeedForward,
    MultiheadAttention,
    PatchEmbed,
    TransformerLayer,
    is_plain_inference,
)


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
