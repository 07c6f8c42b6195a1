"""The encoder of a masked autoencoder."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...engine import SapiensViT
from ...registry import MODELS
from .masking import PatchMask, check_mask_ratio, gather_patches


def sincos_pos_embed(grid: tuple[int, int], dims: int, with_cls_token: bool = False) -> Tensor:
    """Fixed position table (1, rows * columns, D): sin and cos of the row, then of the column.

    ``dims`` is the width D, a multiple of 4; the row of a class token, if any, is zero.
    """
    if dims % 4:
        raise ValueError(f'`dims` must be a multiple of 4, but got {dims}')
    # The stock function lets what it calls the width vary slowest.
    return build_2d_sincos_position_embedding((grid[1], grid[0]), dims, cls_token=with_cls_token)


@MODELS.register_module()
class MaskedSapiensViT(SapiensViT):
    """SapiensViT that sees a random part of the patches.

    Masked patches are not even embedded: the pixels of the kept ones are gathered and projected
    with one matrix product.

    Shapes: B batch, D width, L patches, K kept patches.

    Args:
        arch (str | dict): See :class:`mmsapiens.models.SapiensViT`.
        img_size (int | Sequence[int]): Height and width in pixels; multiples of ``patch_size``.
            Defaults to 1024.
        mask_ratio (float): Share of the patches to mask, in (0, 1); may be
            changed at any time. Defaults to 0.75.
        **kwargs: Other arguments of :class:`mmsapiens.models.SapiensViT`,
            except ``with_cls_token`` and ``out_indices``. ``out_type`` defaults to 'raw' and is
            that of whole images.

    Attributes:
        generator (torch.Generator | None): Source of the masks; the global one of the device if
            None.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        arch: str | dict,
        img_size: int | tuple[int, int] = 1024,
        mask_ratio: float = 0.75,
        out_type: str = 'raw',
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, img_size=img_size, out_type=out_type, with_cls_token=True, **kwargs)
        size = self.patch_embed.patch_size
        if self.patch_embed.padding not in ('corner', 0):
            raise ValueError(
                "`patch_padding` must be 'corner' or 0 for masked images, "
                f'but got {self.patch_embed.padding!r}'
            )
        if self.img_size[0] % size or self.img_size[1] % size:
            raise ValueError(
                f'`img_size` must be divisible by `patch_size` ({size}), but got {self.img_size}'
            )
        self.num_patches = self.patch_grid[0] * self.patch_grid[1]
        self.mask_ratio = mask_ratio
        self.generator: torch.Generator | None = None
        self.pos_embed.requires_grad = False

    @property
    def mask_ratio(self) -> float:
        """Share of the patches to mask."""
        return self._mask_ratio

    @mask_ratio.setter
    def mask_ratio(self, value: float) -> None:
        check_mask_ratio(value, self.num_patches)
        self._mask_ratio = value

    def init_weights(self) -> None:
        """Initialize as ``init_cfg`` says; else as in MAE."""
        super().init_weights()
        if self.pretrained_files():
            return
        table = sincos_pos_embed(self.patch_grid, self.embed_dims, True)
        self.pos_embed.data.copy_(table)
        nn.init.xavier_uniform_(self.patch_embed.projection.weight.flatten(1))
        nn.init.normal_(self.cls_token, std=0.02)

    @torch.compiler.disable
    def draw_mask(
        self,
        batch_size: int,
        device: torch.device | str,
        mask_ratio: float | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> PatchMask:
        """Choose the patches to keep.

        Args:
            batch_size (int): Images B.
            device (torch.device | str): Where the mask is needed.
            mask_ratio (float, optional): In (0, 1). Defaults to the attribute.
            noise (Tensor, optional): One number for each patch, (B, L); the smallest are kept.
                Defaults to uniform random numbers.
            generator (torch.Generator, optional): Source of the noise. Defaults to the attribute,
                and without that to the global one of ``device``.

        Returns:
            PatchMask: The mask.

        Raises:
            ValueError: If the ratio is out of range, or ``noise`` is of another shape.
        """
        ratio = self.mask_ratio if mask_ratio is None else mask_ratio
        shape = (batch_size, self.num_patches)
        if noise is None:
            generator = generator or self.generator
            source = device if generator is None else generator.device
            noise = torch.rand(shape, generator=generator, device=source)
        if tuple(noise.shape) != shape:
            raise ValueError(
                f'`noise` must be of shape {shape}, one number for each '
                f'patch, but got {tuple(noise.shape)}'
            )
        return PatchMask(noise.to(device).argsort(dim=1), check_mask_ratio(ratio, self.num_patches))

    def forward(  # type: ignore[override]
        self, img: Tensor, mask: bool | PatchMask = True, **draw: Any
    ) -> tuple[Tensor, ...]:
        """Encode masked or whole images.

        Args:
            img (Tensor): RGB, normalized, (B, 3, H, W).
            mask (bool | PatchMask): True draws a mask, False encodes whole
                images. Defaults to True.
            **draw: ``mask_ratio``, ``noise`` and ``generator`` of
                :meth:`draw_mask`.

        Returns:
            tuple[Tensor, ...]: Of masked images three tensors: latent (B, 1
            + K, D), class token first, then the kept patches in the order of
            the mask; the mask, 1 for masked patches, (B, L); and the place of each patch in the
            order of the mask, (B, L). Of whole images what :class:`mmsapiens.models.SapiensViT`
            returns.

        Raises:
            TypeError: If ``mask`` is neither bool nor a mask.
            ValueError: If masked images are not of ``img_size``.
        """
        if mask is False:
            if draw:
                raise ValueError(f'{sorted(draw)} need `mask=True`, but got `mask=False`')
            return super().forward(img)
        if mask is True:
            mask = self.draw_mask(len(img), img.device, **draw)
        if not isinstance(mask, PatchMask):
            raise TypeError(
                '`mask` must be True, False or a PatchMask, but got '
                f'{type(mask).__name__}. Whole images need `mask=False`.'
            )
        return self.encode(img, mask), mask.to_binary(), mask.ids_restore

    def encode(self, img: Tensor, mask: PatchMask) -> Tensor:
        """Encode the kept patches of images of ``img_size``: (B, 1 + K, D), class token first."""
        if tuple(img.shape[2:]) != self.img_size:
            raise ValueError(
                f'masked images must be of `img_size` {self.img_size}, but '
                f'got {tuple(img.shape[2:])}. Crop or resize in the pipeline.'
            )
        projection = self.patch_embed.projection
        patches = gather_patches(img, mask.ids_keep, self.patch_embed.patch_size, False)
        weight = projection.weight.flatten(1)
        # FSDP may hold the weights in bfloat16, also outside autocast.
        x = F.linear(patches.to(weight.dtype), weight, projection.bias)
        x = x + self.pos_embed[0, 1:][mask.ids_keep]
        cls_token = self.cls_token + self.pos_embed[:, :1]
        cls_token = cls_token.expand(len(x), -1, -1).to(x.dtype)
        x = torch.cat([cls_token, x], dim=1)  # (B, 1 + K, D)
        for layer in self.layers:
            if self.with_cp and self.training and torch.is_grad_enabled():
                x = checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
        return self.ln1(x)
