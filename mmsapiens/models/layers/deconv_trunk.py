"""The upsampling trunk that all Sapiens heads share.

Every convolution is followed by an instance norm without parameters and without running statistics,
and by SiLU. The norm layers have no entries in a state dict, and layers have the same numbers as in
the stock heads, whose batch norms would therefore stay untrained without an error.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

DECONV_GEOMETRY = {4: (1, 0), 3: (1, 1), 2: (0, 0)}
"""Kernel size -> padding and output padding that double the resolution."""


def check_lengths(name: str, channels: Sequence[int], kernel_sizes: Sequence[int]) -> None:
    """Raise ValueError unless both sequences have the same length."""
    if len(channels) != len(kernel_sizes):
        raise ValueError(
            f'`{name}_out_channels` and `{name}_kernel_sizes` must have the '
            f'same length, but got {tuple(channels)} and '
            f'{tuple(kernel_sizes)}'
        )


class TrunkSiLU(nn.SiLU):
    """SiLU that overwrites its input unless a gradient needs that.

    In place, autograd copies the input, and the gradient again and again, since the norm's output
    is a view.
    """

    def forward(self, input: Tensor) -> Tensor:
        """``input * sigmoid(input)``, any shape."""
        return F.silu(input, inplace=not input.requires_grad)


def norm_and_activation(channels: int) -> list[nn.Module]:
    """Instance norm without parameters, and SiLU."""
    return [nn.InstanceNorm2d(channels), TrunkSiLU()]


def deconv_layers(
    in_channels: int, out_channels: Sequence[int], kernel_sizes: Sequence[int]
) -> nn.Sequential:
    """Transposed convolutions, each of which doubles height and width."""
    check_lengths('deconv', out_channels, kernel_sizes)
    layers: list[nn.Module] = []
    for channels, kernel_size in zip(out_channels, kernel_sizes):
        if kernel_size not in DECONV_GEOMETRY:
            raise ValueError(
                f'`deconv_kernel_sizes` must be of {sorted(DECONV_GEOMETRY)}, but got {kernel_size}'
            )
        padding, output_padding = DECONV_GEOMETRY[kernel_size]
        layers.append(
            nn.ConvTranspose2d(
                in_channels,
                channels,
                kernel_size,
                stride=2,
                padding=padding,
                output_padding=output_padding,
                bias=False,
            )
        )
        layers += norm_and_activation(channels)
        in_channels = channels
    return nn.Sequential(*layers)


def conv_layers(
    in_channels: int, out_channels: Sequence[int], kernel_sizes: Sequence[int]
) -> nn.Sequential:
    """Convolutions that keep height and width."""
    check_lengths('conv', out_channels, kernel_sizes)
    layers: list[nn.Module] = []
    for channels, kernel_size in zip(out_channels, kernel_sizes):
        if kernel_size % 2 == 0:
            raise ValueError(f'`conv_kernel_sizes` must be odd, but got {kernel_size}')
        layers.append(nn.Conv2d(in_channels, channels, kernel_size, padding=kernel_size // 2))
        layers += norm_and_activation(channels)
        in_channels = channels
    return nn.Sequential(*layers)
