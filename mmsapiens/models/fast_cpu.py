"""Linear layers and attention on CPUs, where only numbers count: neither gradient nor graph.

PyTorch multiplies single-precision matrices with MKL, which takes half of an AMD processor's speed,
and its attention spends most of its time outside of matrix products. Both are given to oneDNN here.
Results differ from the plain ones by rounding. Shapes: B batch, N heads, L tokens, d width of a
head.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import is_plain_inference

SCORES_AT_ONCE = 2**20
"""So many scores of attention stay in the cache of a core."""
FEWEST_TOKENS = 512
"""With fewer, stock attention is as fast."""


@cache
def has_products(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies matrices of a type here."""
    if not torch.backends.mkldnn.is_available() or not hasattr(
        torch.ops.mkldnn, '_linear_pointwise'
    ):
        return False
    return dtype == torch.float32 or (
        dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def is_fast(x: Tensor) -> bool:
    """Whether the functions here are faster than stock ones for what is computed from ``x``."""
    return is_plain_inference(x, x.dtype) and has_products(x.dtype)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear``."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, 'none', [], '')
    return product


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    """``layer(x)``."""
    if is_fast(x) and is_plain(layer, x):
        return multiply(x, layer.weight, layer.bias)
    out: Tensor = layer(x)
    return out


def is_plain(layer: nn.Module, x: Tensor) -> bool:
    """Whether a layer is nothing but a product with weights of the type of ``x``."""
    return type(layer) is nn.Linear and layer.weight.dtype == x.dtype and not layer._forward_hooks


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of queries (B, N, L, d) to keys and values, of which several heads may share one;
    the fast way has probabilities in single precision."""
    batch, heads, tokens, width = query.shape
    shared = heads // key.shape[1]
    if not is_fast(query) or tokens < FEWEST_TOKENS:
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=shared > 1)
    out = query.new_empty(batch, tokens, heads, width)
    rows = max(1, SCORES_AT_ONCE // tokens)
    for sample in range(batch):
        for head in range(heads):
            if head % shared == 0:
                keys = key[sample, head // shared].float().contiguous()  # (L, d)
                values = value[sample, head // shared].float().t().contiguous()  # (d, L)
            queries = query[sample, head].float() * width**-0.5
            for start in range(0, tokens, rows):
                scores = multiply(queries[start : start + rows], keys)
                torch.softmax(scores, dim=-1, out=scores)
                out[sample, start : start + rows, head] = multiply(scores, values)
    return out.transpose(1, 2)
