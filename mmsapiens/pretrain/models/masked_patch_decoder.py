"""The decoder of a masked autoencoder, for masked patches alone."""

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models import MAEPretrainDecoder
from torch import Tensor, nn

from ...models.layers import TransformerLayer, run_block
from ...registry import MODELS
from .masked_sapiens_vit import PatchMask


class TailTransformerLayer(TransformerLayer):
    """A block that can give the last tokens only; all are attended to."""

    def forward(self, x: Tensor, num_last: int | None = None) -> Tensor:
        """Transform tokens (B, L, D) to as many or to (B, ``num_last``, D)."""
        if num_last is None:
            return super().forward(x)
        attn, dims, normed = self.attn, x.shape[2], self.ln1(x)
        weight, bias = attn.qkv.weight, attn.qkv.bias
        query = F.linear(normed[:, -num_last:], weight[:dims], bias[:dims])
        key_value = F.linear(normed, weight[dims:], bias[dims:]).chunk(2, dim=2)
        parts = (part.unflatten(2, (attn.num_heads, -1)) for part in (query, *key_value))
        # (B, N, L, D / N)
        out = F.scaled_dot_product_attention(*(part.transpose(1, 2) for part in parts))
        x = x[:, -num_last:] + attn.proj(out.transpose(1, 2).flatten(2))
        return x + self.ffn(self.ln2(x))


@MODELS.register_module()
class MaskedPatchDecoder(MAEPretrainDecoder):
    """The stock decoder, with a shorter way for training; weights and numbers are equal.

    The tokens stay in the order of the mask, each with its own position, so that the last block and
    the projection to pixels work on the masked patches only, one slice.

    Shapes: B batch, L patches, K kept, M masked, P numbers of a patch.

    Args:
        num_patches (int): Patches L of an image. Defaults to 196.
        embed_dim (int): Width of the encoder. Defaults to 1024.
        decoder_embed_dim (int): Width. Defaults to 512.
        decoder_depth (int): Blocks, at least 1. Defaults to 8.
        decoder_num_heads (int): Heads. Defaults to 16.
        mlp_ratio (float): Inner width of the feed-forward layers over the width. Defaults to 4.
        with_cp (bool): Whether to recompute activations in the backward pass. Defaults to False.
        **kwargs: Other arguments of ``MAEPretrainDecoder``.
    """

    def __init__(
        self,
        num_patches: int = 196,
        embed_dim: int = 1024,
        decoder_embed_dim: int = 512,
        decoder_depth: int = 8,
        decoder_num_heads: int = 16,
        mlp_ratio: float = 4,
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        if decoder_depth < 1:
            raise ValueError(f'`decoder_depth` must be at least 1, but got {decoder_depth}')
        dims = dict(embed_dim=embed_dim, decoder_embed_dim=decoder_embed_dim)
        super().__init__(num_patches=num_patches, **dims, decoder_depth=0, **kwargs)
        self.with_cp = with_cp
        # Not mmengine's list: as in the stock class, the `init_cfg` of the model alone initializes
        # the blocks.
        sizes = (decoder_embed_dim, decoder_num_heads, int(mlp_ratio * decoder_embed_dim))
        self.decoder_blocks = nn.ModuleList(
            TailTransformerLayer(*sizes) for _ in range(decoder_depth)
        )

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer blocks, first to last."""
        return self.decoder_blocks

    def predict_masked(self, latent: Tensor, mask: PatchMask) -> Tensor:
        """Patches (B, M, P), in the order of ``mask.ids_masked``, of ``latent`` (B, 1 + K, D)."""
        x = self.decoder_embed(latent)
        batch, num_masked = len(x), mask.ids.shape[1] - mask.num_kept
        order = F.pad(mask.ids + 1, (1, 0))  # (B, 1 + L)
        masked = self.mask_token.expand(batch, num_masked, -1).to(x.dtype)
        x = torch.cat([x, masked], dim=1) + self.decoder_pos_embed[0][order]
        *blocks, last = self.decoder_blocks
        recompute = self.with_cp and self.training
        for block in blocks:
            x = run_block(block, x, recompute=recompute)
        x = run_block(last, x, num_masked, recompute=recompute)  # (B, M, D)
        return self.decoder_pred(self.decoder_norm(x))
