"""The vision transformer of Sapiens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from . import layers
from .archs import SAPIENS_ARCHS
from .encoder import PlainViT
from .layers import LAYER_NORM_EPS, PatchEmbed, PatchPadding
from .pos_embed import resize_pos_embed


class SapiensViT(PlainViT):
    """Plain pre-norm vision transformer of `Sapiens <https://arxiv.org/abs/2408.12569>`_.

    Parameters have the names of the released checkpoints, which
    :func:`mmsapiens.checkpoints.load_checkpoint` loads: MAE, clean encoder or fine-tuned. The class
    that hosts build from a config also takes ``init_cfg``.

    Shapes: B batch, C channels, D width, h w patch rows and columns, L = h * w tokens, one more
    with a class token.

    Args:
        arch (str | dict): 'sapiens_0.3b', 'sapiens_0.6b', 'sapiens_1b', 'sapiens_2b' or
            'sapiens_tiny', with or without the prefix; or a dict with ``embed_dims``,
            ``num_layers``, ``num_heads`` and ``feedforward_channels``.
        img_size (int | Sequence[int]): Height and width in pixels that the position embedding is
            made for; it is interpolated for other inputs. Defaults to (1024, 768).
        patch_size (int): Side of a patch in pixels. Defaults to 16.
        patch_padding (int | str): Zeros around the image: a number of pixels on each side, or
            'corner' for the bottom and right up to a multiple of ``patch_size``. Released weights
            need 2 for pose, LIP and CIHP parsing and normals, and 'corner' for 28-class parsing,
            depth and pretraining; with the other setting they load and lose accuracy. Defaults to
            'corner'.
        out_type (str): 'featmap' (B, D, h, w), 'raw' (B, L, D), 'cls_token' (B, D), 'avg_featmap'
            (B, D), or 'featmap_and_cls_token', pairs for mmseg's DPTHead. Defaults to 'featmap'.
        out_indices (int | Sequence[int]): Layers to return, from the end if negative. Defaults to
            -1.
        with_cls_token (bool): Whether to prepend a class token. Defaults to False.
        final_norm (bool): Whether to normalize after the last layer. Defaults to True.
        drop_path_rate (float): Stochastic depth of the last layer; grows from 0. Defaults to 0.
        frozen_stages (int): -1 trains everything, 0 freezes the patch and position embeddings, n >
            0 the first n layers as well. Defaults to -1.
        with_cp (bool): Whether to recompute activations in the backward pass. Defaults to False.

    Raises:
        KeyError: If ``arch`` is an unknown name.
        ValueError: If another argument is out of range.
    """

    family = 'sapiens'
    archs = SAPIENS_ARCHS
    embeddings = ('cls_token', 'pos_embed', 'patch_embed')

    def __init__(
        self,
        arch: str | Mapping[str, int],
        img_size: int | Sequence[int] = (1024, 768),
        patch_size: int = 16,
        patch_padding: PatchPadding = 'corner',
        out_type: str = 'featmap',
        out_indices: int | Sequence[int] = -1,
        with_cls_token: bool = False,
        final_norm: bool = True,
        drop_path_rate: float = 0.0,
        frozen_stages: int = -1,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.num_extra_tokens = int(with_cls_token)
        self._set_options(arch, img_size, out_type, out_indices, frozen_stages, with_cp)
        if not 0 <= drop_path_rate < 1:
            raise ValueError(f'`drop_path_rate` must be in [0, 1), but got {drop_path_rate}')

        self.patch_embed = PatchEmbed(self.embed_dims, patch_size, patch_padding)
        self._check_grid()
        if with_cls_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        num_tokens = self.patch_grid[0] * self.patch_grid[1] + self.num_extra_tokens
        self.pos_embed = nn.Parameter(torch.zeros(1, num_tokens, self.embed_dims))
        sizes = self.embed_dims, self.arch['num_heads'], self.arch['feedforward_channels']
        rates = torch.linspace(0, drop_path_rate, self.num_layers, device='cpu').tolist()
        blocks = (layers.TransformerLayer(*sizes, rate) for rate in rates)
        self.layers = layers.TransformerLayers(blocks)
        self.ln1 = self._norm() if final_norm else nn.Identity()
        if out_type == 'avg_featmap':
            self.ln2 = self._norm()
        self._freeze()

    def _norm(self) -> nn.LayerNorm:
        return nn.LayerNorm(self.embed_dims, eps=LAYER_NORM_EPS)

    def init_weights(self) -> None:
        """Initialize at random, embeddings with std 0.02."""
        self.layers.init_weights()
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        if self.num_extra_tokens:
            nn.init.trunc_normal_(self.cls_token, std=0.02)

    @property
    def blocks(self) -> nn.ModuleList:  # type: ignore[override]
        """The transformer blocks, first to last."""
        return self.layers

    def forward(self, img: Tensor) -> tuple[Any, ...]:
        """Features of RGB images (B, 3, H, W), normalized with the mean and deviation of ImageNet.

        One tensor (or pair of them) for each of ``out_indices``, as ``out_type`` says; the final
        norm is applied to the last layer only.
        """
        x, grid = self.patch_embed(img)  # (B, h * w, D)
        extra = self.num_extra_tokens
        if extra:
            cls_token = self.cls_token.expand(x.shape[0], -1, -1)
            x = torch.cat([cls_token.to(x.dtype), x], dim=1)  # (B, L, D)
        x = x + resize_pos_embed(self.pos_embed, self.patch_grid, grid, extra)
        return self._encode(x, grid)
