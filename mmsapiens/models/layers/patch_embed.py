"""Image to patch tokens."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

PatchPadding = int | Literal['corner']


class PatchEmbed(nn.Module):
    """Linear projection of square patches that do not overlap.

    Args:
        embed_dims (int): Width D of a token.
        patch_size (int): Side of a patch in pixels. Defaults to 16.
        padding (int | str): Zeros around the image, added after normalization: a number of pixels
            on each of the four sides, or 'corner' to pad at the bottom and right up to a multiple
            of ``patch_size``. Defaults to 'corner'.
        in_channels (int): Channels of the image. Defaults to 3.

    Raises:
        ValueError: If ``padding`` is neither 'corner' nor an int in [0, ``patch_size``).
    """

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
                "`patch_padding` must be 'corner' or an int in "
                f'[0, {patch_size}), but got {padding!r}'
            )
        self.patch_size = patch_size
        self.padding = padding
        self.projection = nn.Conv2d(
            in_channels,
            embed_dims,
            kernel_size=patch_size,
            stride=patch_size,
            padding=0 if padding == 'corner' else padding,
        )

    def grid_size(self, img_size: tuple[int, int]) -> tuple[int, int]:
        """Patches (rows, columns) of an image of ``img_size`` (H, W)."""
        if self.padding == 'corner':
            return (-(-img_size[0] // self.patch_size), -(-img_size[1] // self.patch_size))
        return (
            (img_size[0] + 2 * self.padding) // self.patch_size,
            (img_size[1] + 2 * self.padding) // self.patch_size,
        )

    def forward(self, img: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Embed ``img``.

        Images (B, 3, H, W) of any dtype to tokens (B, rows * columns, D), row by row, and
        the grid (rows, columns).
        """
        if self.padding == 'corner':
            pad_h = -img.shape[2] % self.patch_size
            pad_w = -img.shape[3] % self.patch_size
            if pad_h or pad_w:
                img = F.pad(img, (0, pad_w, 0, pad_h))
        x = self.projection(img.to(self.projection.weight.dtype))  # (B, D, rows, columns)
        grid = (x.shape[2], x.shape[3])
        # Sums keep the order of memory of their first summand: without the copy, every norm of
        # every layer would make one.
        return x.flatten(2).transpose(1, 2).contiguous(), grid
