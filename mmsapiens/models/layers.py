"""Blocks of a plain vision transformer, and what is done to all of them.

The parameter names are those of the released checkpoints. Shapes: B batch, L tokens, D width, N
heads, F width of the feed-forward layer.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LAYER_NORM_EPS = 1e-6
PatchPadding = int | Literal['corner']


def is_plain_inference(x: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Whether only numbers count, not gradient, graph, trace or autocast: a faster way will do."""
    return (
        type(x) is Tensor
        and x.device.type == 'cpu'
        and x.dtype == dtype
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled('cpu')
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )


class PatchEmbed(nn.Module):
    """Linear projection of square patches that do not overlap, to tokens of width D. ``padding``
    are zeros: pixels on each of the four sides, or 'corner' to pad at the bottom and right up to a
    multiple of ``patch_size``."""

    def __init__(
        self,
        embed_dims: int,
        patch_size: int = 16,
        padding: PatchPadding = 'corner',
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        is_pixels = isinstance(padding, int) and not isinstance(padding, bool)
        if padding != 'corner' and not (is_pixels and 0 <= padding < patch_size):
            raise ValueError(
                f"`patch_padding` must be 'corner' or an int in [0, {patch_size}), but got "
                f'{padding!r}'
            )
        self.patch_size = patch_size
        self.padding = padding
        around = 0 if padding == 'corner' else padding
        self.projection = nn.Conv2d(in_channels, embed_dims, patch_size, patch_size, around)

    def grid_size(self, img_size: tuple[int, int]) -> tuple[int, int]:
        """Patches (rows, columns) of an image of ``img_size`` (H, W)."""
        added = self.patch_size - 1 if self.padding == 'corner' else 2 * self.padding
        return (img_size[0] + added) // self.patch_size, (img_size[1] + added) // self.patch_size

    def forward(self, img: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Images (B, 3, H, W) to tokens (B, rows * columns, D), row by row; and (rows, columns)."""
        if self.padding == 'corner':
            pad_h, pad_w = (-size % self.patch_size for size in img.shape[2:])
            if pad_h or pad_w:
                img = F.pad(img, (0, pad_w, 0, pad_h))
        x = self.projection(img.to(self.projection.weight.dtype))  # (B, D, rows, columns)
        grid = (x.shape[2], x.shape[3])
        # Sums keep the order of memory of their first summand: without the copy, every norm of
        # every layer would make one.
        return x.flatten(2).transpose(1, 2).contiguous(), grid


class DropPath(nn.Module):
    """`Stochastic depth <https://arxiv.org/abs/1603.09382>`_: drops the branch of samples."""

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """Keep or zero each sample of ``x`` (B, ...), rescaled to its mean."""
        if not self.training or self.drop_prob == 0:
            return x
        keep_prob = 1 - self.drop_prob
        keep = torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), device=x.device) < keep_prob
        return x * keep.to(x.dtype) / keep_prob


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
        for linear in (self.layers[0][0], self.layers[1]):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.normal_(linear.bias, std=1e-6)

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
        for layer in self:
            layer.ffn.init_weights()


def run_block(block: nn.Module, *args: Any, recompute: bool) -> Tensor:
    """A block, whose activations may be recomputed in the backward pass."""
    if recompute and torch.is_grad_enabled():
        return checkpoint(block, *args, use_reentrant=False)
    return block(*args)


def find_blocks(model: nn.Module) -> list[nn.Module]:
    """The blocks in the ``blocks`` (nn.ModuleList) of encoders and decoders, without FSDP."""
    lists = [getattr(module, 'blocks', None) for module in model.modules()]
    blocks = [block for each in lists if isinstance(each, nn.ModuleList) for block in each]
    return list(dict.fromkeys(getattr(block, '_fsdp_wrapped_module', block) for block in blocks))


def compile_blocks(model: nn.Module, **settings: Any) -> int:
    """Compile each transformer block, with ``settings`` of ``torch.compile``; their number. Blocks
    of one shape share one compilation. Sizes are not made dynamic: the encoder and the decoder of
    an autoencoder would otherwise share code that is slower for both."""
    blocks = find_blocks(model)
    if not blocks:
        raise ValueError(
            f'there are no transformer blocks to compile in {type(model).__name__}: an encoder '
            'lists them in `blocks`, an nn.ModuleList, as SapiensViT does'
        )
    for block in blocks:
        block.compile(**{'dynamic': False, **settings})
    return len(blocks)
