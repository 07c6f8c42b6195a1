"""The encoder of a masked autoencoder, and its masks. Patches are numbered row by row.

Shapes: B batch, D width, L patches, K kept, M = L - K masked, P = patch_size ** 2 * 3 numbers of a
patch.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn

from ...engine import SapiensViT
from ...models.layers import run_block
from ...registry import MODELS


class PatchMask(NamedTuple):
    """Numbers of the patches of each image, int64 (B, L); the first ``num_kept`` are kept."""

    ids: Tensor
    num_kept: int

    @property
    def ids_keep(self) -> Tensor:
        """Numbers of the kept patches, (B, K)."""
        return self.ids[:, : self.num_kept]

    @property
    def ids_masked(self) -> Tensor:
        """Numbers of the masked patches, (B, M)."""
        return self.ids[:, self.num_kept :]

    def to_binary(self) -> Tensor:
        """1 for masked patches, 0 for kept ones, float32 (B, L)."""
        mask = torch.ones(self.ids.shape, device=self.ids.device)
        return mask.scatter_(1, self.ids_keep, 0.0)


def check_mask_ratio(mask_ratio: float, num_patches: int) -> int:
    """Number of patches to keep, ``int(L * (1 - mask_ratio))`` as in the reference."""
    if not 0 < mask_ratio < 1:
        raise ValueError(
            f'`mask_ratio` must be in (0, 1), but got {mask_ratio}. Whole images need `mask=False`.'
        )
    num_kept = int(num_patches * (1 - mask_ratio))
    if num_kept == 0:
        raise ValueError(
            f'`mask_ratio` must leave at least one of {num_patches} patches, but got {mask_ratio}'
        )
    return num_kept


def gather_patches(images: Tensor, ids: Tensor, patch_size: int, channels_last: bool) -> Tensor:
    """Pixels (B, N, P) of the patches ``ids`` (B, N) of images (B, 3, H, W), in the order row,
    column, channel with ``channels_last``, as targets have it, else channel, row, column, as
    weights have it."""
    columns = images.shape[3] // patch_size
    # (B, C, h, p, w, p): a view
    blocks = images.unflatten(3, (columns, patch_size)).unflatten(2, (-1, patch_size))
    # (B, h, w, ...)
    blocks = blocks.permute((0, 2, 4, 3, 5, 1) if channels_last else (0, 2, 4, 1, 3, 5))
    batch = torch.arange(len(ids), device=ids.device)[:, None]
    return blocks[batch, ids // columns, ids % columns].flatten(2)


def sincos_pos_embed(grid: tuple[int, int], dims: int, with_cls_token: bool = False) -> Tensor:
    """Fixed positions (1, rows * columns, D): sin, cos of row, then column; 0 for a class token."""
    if dims % 4:
        raise ValueError(f'`dims` must be a multiple of 4, but got {dims}')
    # The stock function lets what it calls the width vary slowest.
    return build_2d_sincos_position_embedding((grid[1], grid[0]), dims, cls_token=with_cls_token)


@MODELS.register_module()
class MaskedSapiensViT(SapiensViT):
    """SapiensViT that sees a random part of the patches.

    Masked patches are not even embedded: the pixels of the kept ones are gathered and projected
    with one matrix product. ``generator`` is the source of the masks; that of the device if None.

    Args:
        arch (str | dict): See :class:`mmsapiens.models.SapiensViT`.
        img_size (int | Sequence[int]): Height and width in pixels; multiples of ``patch_size``.
            Defaults to 1024.
        mask_ratio (float): Share of the patches to mask, in (0, 1); may be changed at any time.
            Defaults to 0.75.
        **kwargs: Other arguments of :class:`mmsapiens.models.SapiensViT`, except ``with_cls_token``
            and ``out_indices``. ``out_type`` defaults to 'raw' and is that of whole images.

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
        if (padding := self.patch_embed.padding) not in ('corner', 0):
            raise ValueError(
                f"`patch_padding` must be 'corner' or 0 for masked images, but got {padding!r}"
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
        super().init_weights()
        if self.pretrained_files():
            return
        self.pos_embed.data.copy_(sincos_pos_embed(self.patch_grid, self.embed_dims, True))
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
        """Choose the patches to keep: those of the smallest ``noise`` (B, L), by default random."""
        ratio = self.mask_ratio if mask_ratio is None else mask_ratio
        shape = (batch_size, self.num_patches)
        if noise is None:
            generator = generator or self.generator
            source = device if generator is None else generator.device
            noise = torch.rand(shape, generator=generator, device=source)
        if tuple(noise.shape) != shape:
            raise ValueError(f'`noise` must be of shape {shape}, but got {tuple(noise.shape)}')
        return PatchMask(noise.to(device).argsort(dim=1), check_mask_ratio(ratio, self.num_patches))

    def forward(  # type: ignore[override]
        self, img: Tensor, mask: bool | PatchMask = True, **draw: Any
    ) -> tuple[Tensor, ...]:
        """Encode RGB images, normalized, (B, 3, H, W): masked or, with ``mask=False``, whole ones.

        True draws a mask by ``draw``, arguments of :meth:`draw_mask`. Of masked images latent (B, 1
        + K, D), class token first, then the kept patches in the order of the mask; the mask, 1 for
        masked patches, (B, L); the place of each patch in that order, (B, L). Of whole ones the
        features.
        """
        if mask is False:
            if draw:
                raise ValueError(f'{sorted(draw)} need `mask=True`, but got `mask=False`')
            return super().forward(img)
        if mask is True:
            mask = self.draw_mask(len(img), img.device, **draw)
        if not isinstance(mask, PatchMask):
            raise TypeError(
                f'`mask` must be True, False or a PatchMask, but got {type(mask).__name__}. Whole '
                'images need `mask=False`.'
            )
        return self.encode(img, mask), mask.to_binary(), mask.ids.argsort(dim=1)

    def encode(self, img: Tensor, mask: PatchMask) -> Tensor:
        """Encode the kept patches of images of ``img_size``: (B, 1 + K, D), class token first."""
        if tuple(img.shape[2:]) != self.img_size:
            raise ValueError(
                f'masked images must be of `img_size` {self.img_size}, but got '
                f'{tuple(img.shape[2:])}. Crop or resize in the pipeline.'
            )
        projection = self.patch_embed.projection
        patches = gather_patches(img, mask.ids_keep, self.patch_embed.patch_size, False)
        weight = projection.weight.flatten(1)
        # FSDP may hold the weights in bfloat16, also outside autocast.
        x = F.linear(patches.to(weight.dtype), weight, projection.bias)
        x = x + self.pos_embed[0, 1:][mask.ids_keep]
        cls_token = (self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = torch.cat([cls_token.to(x.dtype), x], dim=1)  # (B, 1 + K, D)
        for layer in self.layers:
            x = run_block(layer, x, recompute=self.with_cp and self.training)
        return self.ln1(x)
