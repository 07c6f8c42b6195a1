"""The trunk of a head on a CPU without gradients, several times faster.

Everything is done on pixels times channels, which oneDNN's instance norm is slow on, and in memory
that is in the cache. The numbers differ from those of the layers by rounding only.

Letters: B batch, C channels in, O channels out, H W height and width, h w rows and columns of
tiles.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .plain_inference import is_plain_inference

ROWS_IN_CACHE = 512
"""Pixels that are normalized at a time."""

TILES_AT_A_TIME = 1024
"""Tiles of 2x2 pixels whose products are in memory."""

LEAST_VALUES = 2**18
"""Numbers of a feature map, below which the layers are as fast."""


def normalize_and_activate_(pixels: Tensor, eps: float) -> Tensor:
    """Instance norm without parameters and SiLU, in place.

    Args:
        pixels (Tensor): One image, (H * W, C), float32; overwritten.
        eps (float): Added to the variance.

    Returns:
        Tensor: ``pixels``.
    """
    mean = pixels.mean(dim=0)
    squares = torch.zeros_like(mean)
    for rows in pixels.split(ROWS_IN_CACHE):
        rows.sub_(mean)
        squares += (rows * rows).sum(dim=0)
    scale = (squares / len(pixels) + eps).rsqrt_()
    for rows in pixels.split(ROWS_IN_CACHE):
        F.silu(rows.mul_(scale), inplace=True)
    return pixels


def _tile_weights(weight: Tensor) -> list[list[Tensor]]:
    """Nine matrices (C, 4 * O) from a weight (C, O, 4, 4)."""

    def one_axis(taps: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
        # Even outputs see the taps 3 and 1, odd ones 2 and 0.
        zero, one, two, three = taps.unbind(dim)
        near = torch.stack([three, two], dim)
        far = torch.stack([one, zero], dim)
        return near, near + far, far

    return [
        [matrix.permute(0, 2, 3, 1).reshape(len(weight), -1) for matrix in one_axis(rows, 3)]
        for rows in one_axis(weight, 2)
    ]


def _differences(x: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """What the products need of pixels -1, 0, 1 of each tile of 2."""
    count = (x.shape[dim] - 1) // 2
    before, here, after = (
        x.narrow(dim, start, 2 * count - 1).unfold(dim, 1, 2)[..., 0] for start in (0, 1, 2)
    )
    return before - here, here, here - after


def _fit(start: int, count: int, size: int) -> tuple[slice, slice]:
    """Places of ``count`` values, every fourth of ``size`` from ``start`` on, and which of the
    values are not outside."""
    skip = int(start < 0)
    end = min(size, start + 4 * count)
    return slice(start + 4 * skip, end, 4), slice(skip, -(-(end - start) // 4))


def double_size(image: Tensor, weight: Tensor, out: Tensor) -> None:
    """Transposed convolution of kernel size 4, stride 2 and padding 1.

    Each tile of 2x2 pixels takes 9 products of matrices instead of 16, after `Fast Algorithms for
    Convolutional Neural Networks <https://arxiv.org/abs/1509.09308>`_, F(2, 2): the four outputs of
    a pixel are convolutions of kernel size 2, which share their sums of inputs.

    Args:
        image (Tensor): (H, W, C), contiguous.
        weight (Tensor): As of ``nn.ConvTranspose2d``, (C, O, 4, 4).
        out (Tensor): Overwritten, (2 * H, 2 * W, O).
    """
    height, width, _ = image.shape
    rows, columns = (height + 2) // 2, (width + 2) // 2
    padded = F.pad(image, (0, 0, 1, 2 * columns - width, 1, 2 * rows - height))
    weights = _tile_weights(weight)
    step = max(1, TILES_AT_A_TIME // columns)
    for first in range(0, rows, step):
        strip = padded[2 * first : 2 * (first + step) + 1]
        for part, offset_y, offset_x in _outputs(strip, weights):
            to_y, from_y = _fit(4 * first + offset_y, len(part), len(out))
            to_x, from_x = _fit(offset_x, part.shape[1], out.shape[1])
            out[to_y, to_x] = part[from_y, from_x]  # (h, w, O)


def _outputs(strip: Tensor, weights: list[list[Tensor]]) -> list[tuple[Tensor, int, int]]:
    """Outputs of some rows of tiles, and where each fourth one goes."""
    channels = strip.shape[2]
    products = []
    for by_row, row_weights in zip(_differences(strip, 0), weights):
        line = []
        for by_column, matrix in zip(_differences(by_row, 1), row_weights):
            h, w = by_column.shape[:2]
            product = by_column.reshape(-1, channels) @ matrix
            line.append(product.view(h, w, 2, 2, -1))
        before, here, after = line
        products.append((before.add_(here), here.sub_(after)))
    outputs = []
    for x in (0, 1):
        before, here, after = (pair[x] for pair in products)
        for y, part in enumerate((before.add_(here), here.sub_(after))):
            outputs += [
                (part[:, :, odd_y, odd_x], 2 * y - odd_y, 2 * x - odd_x)
                for odd_y in (0, 1)
                for odd_x in (0, 1)
            ]
    return outputs


def _is_doubling(layer: nn.Module) -> bool:
    """Whether :func:`double_size` does what the layer does."""
    return (
        isinstance(layer, nn.ConvTranspose2d)
        and layer.kernel_size == (4, 4)
        and layer.stride == (2, 2)
        and layer.padding == (1, 1)
        and layer.output_padding == (0, 0)
        and layer.bias is None
    )


def _convolve(layer: nn.Module, x: Tensor) -> Tensor:
    """A convolution of the trunk on (B, H, W, C); (B, H', W', O), new."""
    if _is_doubling(layer):
        batch, height, width, _ = x.shape
        channels = layer.weight.shape[1]
        out = x.new_empty(batch, 2 * height, 2 * width, channels)
        for image, place in zip(x, out):
            double_size(image, layer.weight, place)
        return out
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1):
        return F.linear(x, layer.weight[:, :, 0, 0], layer.bias)
    return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).contiguous()


class Trunk(nn.Sequential):
    """Convolutions, each followed by an instance norm and SiLU.

    With gradients, on a GPU, in another precision, for small maps, and while it is compiled, it is
    the sequence of its layers.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W) to (B, O, H', W')."""
        if not is_plain_inference(x) or x[0].numel() < LEAST_VALUES:
            return super().forward(x)
        x = x.permute(0, 2, 3, 1).contiguous()  # (B, H, W, C)
        layers = list(self)
        for convolution, norm in zip(layers[::3], layers[1::3]):
            x = _convolve(convolution, x)
            for image in x:
                normalize_and_activate_(image.flatten(0, 1), norm.eps)
        return x.permute(0, 3, 1, 2)
