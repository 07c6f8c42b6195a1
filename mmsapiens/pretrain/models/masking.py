"""Random masks of patches, and the pixels of some patches.

Shapes: B batch, L patches, K kept, M = L - K masked, P = patch_size ** 2 * 3 numbers of a patch.
Patches are numbered row by row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PatchMask(NamedTuple):
    """Which patches of each image are kept, and in which order.

    Attributes:
        ids (Tensor): Numbers of the patches, the kept ones first, int64 (B, L).
        num_kept (int): Kept patches K of each image.
    """

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

    @property
    def ids_restore(self) -> Tensor:
        """Where each patch is in ``ids``, (B, L)."""
        return self.ids.argsort(dim=1)

    def to_binary(self) -> Tensor:
        """1 for masked patches, 0 for kept ones, float32 (B, L)."""
        mask = torch.ones(self.ids.shape, device=self.ids.device)
        return mask.scatter_(1, self.ids_keep, 0.0)


def check_mask_ratio(mask_ratio: float, num_patches: int) -> int:
    """Number of patches to keep, ``int(L * (1 - mask_ratio))`` as in the reference.

    Raises:
        ValueError: If the ratio is not in (0, 1), or leaves no patch.
    """
    if not 0 < mask_ratio < 1:
        raise ValueError(
            f'`mask_ratio` must be in (0, 1), but got {mask_ratio}. To '
            'encode whole images pass `mask=False`.'
        )
    num_kept = int(num_patches * (1 - mask_ratio))
    if num_kept == 0:
        raise ValueError(
            f'`mask_ratio` must leave at least one of {num_patches} patches, but got {mask_ratio}'
        )
    return num_kept


def gather_patches(images: Tensor, ids: Tensor, patch_size: int, channels_last: bool) -> Tensor:
    """Pixels (B, N, P) of the patches ``ids`` (B, N) of images (B, 3, H, W).

    The order of a patch is row, column, channel with ``channels_last``, as targets have it; else
    channel, row, column, as the weights of a convolution have it.
    """
    columns = images.shape[3] // patch_size
    # (B, C, h, p, w, p): a view
    blocks = images.unflatten(3, (columns, patch_size)).unflatten(2, (-1, patch_size))
    order = (0, 2, 4, 3, 5, 1) if channels_last else (0, 2, 4, 1, 3, 5)
    blocks = blocks.permute(order)  # (B, h, w, ...)
    batch = torch.arange(len(ids), device=ids.device)[:, None]
    return blocks[batch, ids // columns, ids % columns].flatten(2)


def normalize_patches(patches: Tensor) -> Tensor:
    """Scale patches (..., P) to mean 0 and variance 1, the unbiased one plus 1e-6."""
    mean, var = patch_statistics(patches)
    return (patches - mean) / (var + 1e-6).sqrt()


def patch_statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance of patches (..., P), each (..., 1)."""
    var, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return mean, var
