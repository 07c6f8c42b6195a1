"""The heads of Sapiens as plain modules: features to maps, and what the maps mean; no losses.

One trunk that upsamples, one convolution for the output. Every convolution but the last is followed
by an instance norm without parameters and by SiLU. The norms have no entries in a state dict, and
layers have the numbers of the stock heads, whose batch norms would therefore stay untrained without
an error. Parameters have the names of the released files below the prefix of the head.

Shapes: B batch, D width of the encoder, C channels of the output, K keypoints, H W height and width
in pixels, h w those of the feature map.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.class_choice import choose_class
from ..ops.udp_decoding import decode_udp_heatmaps
from ..ops.unit_vectors import unit_vectors

DECONV_GEOMETRY = {4: (1, 0), 3: (1, 1), 2: (0, 0)}
"""Kernel size -> padding and output padding that double the resolution."""


class TrunkSiLU(nn.SiLU):
    """SiLU in place unless a gradient needs its input: autograd copies views again and again."""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=not input.requires_grad)


def deconv_layers(
    in_channels: int, out_channels: Sequence[int], kernel_sizes: Sequence[int] | None = None
) -> nn.Sequential:
    """Transposed convolutions, each of which doubles height and width."""
    kernel_sizes = kernel_sizes or [4] * len(out_channels)
    _check_lengths('deconv', out_channels, kernel_sizes)
    layers: list[nn.Module] = []
    for channels, size in zip(out_channels, kernel_sizes):
        if size not in DECONV_GEOMETRY:
            raise ValueError(
                f'`deconv_kernel_sizes` must be of {sorted(DECONV_GEOMETRY)}, but got {size}'
            )
        layers += [
            nn.ConvTranspose2d(in_channels, channels, size, 2, *DECONV_GEOMETRY[size], bias=False),
            nn.InstanceNorm2d(channels),
            TrunkSiLU(),
        ]
        in_channels = channels
    return nn.Sequential(*layers)


def conv_layers(
    in_channels: int, out_channels: Sequence[int], kernel_sizes: Sequence[int] | None = None
) -> nn.Sequential:
    """Convolutions that keep height and width."""
    kernel_sizes = kernel_sizes or [1] * len(out_channels)
    _check_lengths('conv', out_channels, kernel_sizes)
    layers: list[nn.Module] = []
    for channels, size in zip(out_channels, kernel_sizes):
        if size % 2 == 0:
            raise ValueError(f'`conv_kernel_sizes` must be odd, but got {size}')
        conv = nn.Conv2d(in_channels, channels, size, padding=size // 2)
        layers += [conv, nn.InstanceNorm2d(channels), TrunkSiLU()]
        in_channels = channels
    return nn.Sequential(*layers)


def _check_lengths(name: str, channels: Sequence[int], kernel_sizes: Sequence[int]) -> None:
    if len(channels) != len(kernel_sizes):
        raise ValueError(
            f'`{name}_out_channels` and `{name}_kernel_sizes` must have the same length, '
            f'but got {tuple(channels)} and {tuple(kernel_sizes)}'
        )


def upsample(head: nn.Module, feats: Tensor) -> Tensor:
    """The trunk of a head: (B, D, h, w) to (B, _, 2^n h, 2^n w) for n transposed convolutions."""
    if feats.ndim != 4 or feats.shape[1] != head.in_channels:
        raise ValueError(
            f'the head needs feature maps (B, {head.in_channels}, h, w), but got '
            f'{tuple(feats.shape)}. Set `in_channels` of the head to the width of the backbone, '
            "and `out_type` of that to 'featmap'."
        )
    return head.conv_layers(head.deconv_layers(feats))


class UpsamplingHead(nn.Module):
    """Transposed convolutions, which double height and width, convolutions, and C channels for each
    pixel; kernels are 4 and 1 pixels wide by default."""

    last: str  # Name of the last convolution

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        deconv_out_channels: Sequence[int],
        conv_out_channels: Sequence[int],
        deconv_kernel_sizes: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.deconv_layers = deconv_layers(in_channels, deconv_out_channels, deconv_kernel_sizes)
        widths = [in_channels, *deconv_out_channels]
        self.conv_layers = conv_layers(widths[-1], conv_out_channels, conv_kernel_sizes)
        widths += conv_out_channels
        self.add_module(self.last, nn.Conv2d(widths[-1], out_channels, 1))

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Maps (B, C, H, W) from the last of ``feats`` (B, D, h, w)."""
        maps: Tensor = getattr(self, self.last)(upsample(self, feats[-1]))
        return maps.contiguous()


class HeatmapHead(UpsamplingHead):
    """A heatmap for each keypoint: (B, D, 64, 48) to (B, K, 256, 192)."""

    last = 'final_layer'
    blur_kernel_size = 11  # Width of the blur in the decoding, in pixels of the heatmap
    border = 'fit'  # How it treats peaks at the border of the map

    def decode(
        self,
        maps: Tensor,
        input_size_wh: tuple[int, int],
        mirrored: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """See :func:`mmsapiens.ops.udp_decoding.decode_udp_heatmaps`."""
        return decode_udp_heatmaps(
            maps, input_size_wh, self.blur_kernel_size, mirrored, flip_indices, border=self.border
        )


class DenseHead(UpsamplingHead):
    """A value for each pixel."""

    last = 'conv_seg'

    @staticmethod
    def finish(maps: Tensor) -> Tensor:
        """The prediction (_, H, W) from an output (C, H, W) at full size; itself here."""
        return maps


class ParsingHead(DenseHead):
    """Logits of classes; the prediction is the class (1, H, W), int64."""

    @staticmethod
    def finish(maps: Tensor) -> Tensor:
        """Class ids (1, H, W) of logits (C, H, W)."""
        return choose_class(maps)


class DepthHead(DenseHead):
    """Relative depth (1, H, W): 0 the nearest and 1 the farthest pixel of a person; linear."""


class NormalHead(DenseHead):
    """Surface normals (3, H, W); the prediction has length 1."""

    @staticmethod
    def finish(maps: Tensor) -> Tensor:
        """Unit vectors (3, H, W) of ``maps`` (3, H, W)."""
        return unit_vectors(maps, dim=0)


HEADS: dict[str, type[UpsamplingHead]] = {
    head.__name__: head for head in (HeatmapHead, ParsingHead, DepthHead, NormalHead)
}
"""Name -> head of the tasks of :data:`mmsapiens.models.tasks.TASKS`."""
