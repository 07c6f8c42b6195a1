"""The heads of Sapiens: one trunk that upsamples, one convolution for the output.

Parameters have the names of the released files below the prefix of the head. The classes that
hosts register are built on the same functions.

Shapes: B batch, D width of the encoder, C channels of the output, K keypoints, H W height and width
in pixels, h w those of the feature map.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ...ops.class_choice import choose_class
from ...ops.udp_decoding import decode_udp_heatmaps
from ...ops.unit_vectors import unit_vectors
from ..layers.deconv_trunk import conv_layers, deconv_layers


def check_features(feats: Tensor, in_channels: int) -> Tensor:
    """The feature map (B, D, h, w) of an encoder of the right width."""
    shape = tuple(feats.shape)
    if len(shape) != 4 or shape[1] != in_channels:
        raise ValueError(
            f'the head needs feature maps (B, {in_channels}, h, w), '
            f'but got {shape}. Set `in_channels` of the head to the width '
            "of the backbone, and `out_type` of that to 'featmap'."
        )
    return feats


def upsample(head: nn.Module, feats: Tensor) -> Tensor:
    """The trunk of a head: (B, D, h, w) to (B, _, 2^n h, 2^n w) for n transposed convolutions."""
    return head.conv_layers(head.deconv_layers(check_features(feats, head.in_channels)))


class UpsamplingHead(nn.Module):
    """Transposed convolutions, convolutions, and one output for each pixel.

    Every convolution but the last is followed by an instance norm without parameters and by SiLU.

    Args:
        in_channels (int): Width D of the encoder.
        out_channels (int): Channels C of the output.
        deconv_out_channels (Sequence[int]): Channels after each transposed convolution, which
            doubles height and width.
        conv_out_channels (Sequence[int]): Channels of the convolutions that follow.
        deconv_kernel_sizes (Sequence[int], optional): Defaults to None, 4 each.
        conv_kernel_sizes (Sequence[int], optional): Defaults to None, 1 each.
    """

    last: str
    """Name of the last convolution."""

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
        if deconv_kernel_sizes is None:
            deconv_kernel_sizes = [4] * len(deconv_out_channels)
        if conv_kernel_sizes is None:
            conv_kernel_sizes = [1] * len(conv_out_channels)
        self.deconv_layers = deconv_layers(in_channels, deconv_out_channels, deconv_kernel_sizes)
        width = [in_channels, *deconv_out_channels][-1]
        self.conv_layers = conv_layers(width, conv_out_channels, conv_kernel_sizes)
        width = [width, *conv_out_channels][-1]
        self.add_module(self.last, nn.Conv2d(width, out_channels, 1))

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Maps (B, C, H, W) from the last of ``feats`` (B, D, h, w).

        Raises:
            ValueError: If that is no feature map of ``in_channels``.
        """
        maps: Tensor = getattr(self, self.last)(upsample(self, feats[-1]))
        return maps.contiguous()


class HeatmapHead(UpsamplingHead):
    """A heatmap for each keypoint: (B, D, 64, 48) to (B, K, 256, 192)."""

    last = 'final_layer'
    blur_kernel_size = 11
    """Width of the blur in the decoding, in pixels of the heatmap."""

    def decode(
        self,
        maps: Tensor,
        input_size_wh: tuple[int, int],
        mirrored: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in pixels of the input, and scores (B, K).

        As :func:`mmsapiens.ops.decode_udp_heatmaps`.
        """
        return decode_udp_heatmaps(
            maps, input_size_wh, self.blur_kernel_size, mirrored, flip_indices
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
