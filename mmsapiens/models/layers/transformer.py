"""Blocks of a plain vision transformer.

The parameter names are those of the released checkpoints. Shapes: B batch, L tokens, D width, N
heads, F width of the feed-forward layer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .plain_inference import is_plain_inference

LAYER_NORM_EPS = 1e-6


class DropPath(nn.Module):
    """Stochastic depth: drops the residual branch of whole samples.

    From `Deep Networks with Stochastic Depth <https://arxiv.org/abs/1603.09382>`_.
    """

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ValueError(f'`drop_prob` must be in [0, 1), but got {drop_prob}')
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """Keep or zero each sample of ``x`` (B, ...), rescaled to its mean."""
        if not self.training or self.drop_prob == 0:
            return x
        keep_prob = 1 - self.drop_prob
        keep = torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), device=x.device) < keep_prob
        return x * keep.to(x.dtype) / keep_prob

    def extra_repr(self) -> str:
        """The probability."""
        return f'drop_prob={self.drop_prob}'


class MultiheadAttention(nn.Module):
    """Self-attention with one fused projection for query, key and value."""

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(
                '`embed_dims` must be divisible by `num_heads`, '
                f'but got {embed_dims} and {num_heads}'
            )
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within each sample of ``x`` (B, L, D); same shape."""
        batch, tokens, dims = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.num_heads, -1)
        heads = qkv.permute(2, 0, 3, 1, 4)  # (3, B, N, L, D / N)
        if is_plain_inference(x):
            # The kernel reads each head again and again.
            heads = heads.contiguous()
        query, key, value = heads.unbind()
        x = F.scaled_dot_product_attention(query, key, value)
        x = x.transpose(1, 2).reshape(batch, tokens, dims)  # (B, L, D)
        return self.proj(x)


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, embed_dims: int, feedforward_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Sequential(nn.Linear(embed_dims, feedforward_channels), nn.GELU()),
            nn.Linear(feedforward_channels, embed_dims),
        )

    def init_weights(self) -> None:
        """Xavier uniform weights and biases close to 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, L, D) to the same shape."""
        if is_plain_inference(x):
            # New memory for the inner tokens costs more than the GELU.
            inner = self.layers[0][0](x)  # (B, L, F)
            return self.layers[1](torch.ops.aten.gelu_(inner))
        return self.layers(x)


class TransformerLayer(nn.Module):
    """Pre-norm block: attention, then feed-forward, both residual."""

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(embed_dims, eps=LAYER_NORM_EPS)
        self.attn = MultiheadAttention(embed_dims, num_heads)
        self.ln2 = nn.LayerNorm(embed_dims, eps=LAYER_NORM_EPS)
        self.ffn = FeedForward(embed_dims, feedforward_channels)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens ``x`` (B, L, D); same shape."""
        x = x + self.drop_path(self.attn(self.ln1(x)))
        return x + self.drop_path(self.ffn(self.ln2(x)))


class TransformerLayers(nn.ModuleList):
    """The blocks of an encoder."""

    def init_weights(self) -> None:
        """Initialize the feed-forward parts, which is all that differs from torch's defaults."""
        for layer in self:
            layer.ffn.init_weights()
