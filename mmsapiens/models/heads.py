"""The heads of Sapiens as plain modules: features to maps, and what the maps mean; no losses.

A trunk that upsamples, by transposed convolutions or by pixel shuffles, and one convolution for the
output. Every convolution but the last is followed by an instance norm without parameters and by
SiLU. The norms have no entries in a state dict, and layers have the numbers of the stock heads,
whose batch norms would therefore stay untrained without an error. Parameters have the names of the
released files below the prefix of the head.

Shapes: B batch, D width of the encoder, C channels of the output, K keypoints, H W height and width
in pixels, h w those of the feature map.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.cameras import focal_length, metric_points
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


class ChannelNorm(nn.Module):
    """Root mean square norm over the channels of each pixel, with a learned factor for each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize ``x`` (B, C, H, W)."""
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


Norm = Callable[[int], nn.Module]


def pixel_shuffle_layers(
    in_channels: int, out_channels: Sequence[int], norm: Norm = nn.InstanceNorm2d
) -> tuple[nn.Sequential, nn.Sequential]:
    """A convolution, and those whose channels become pixels: each doubles height and width."""

    def conv(channels: int, to: int, *between: nn.Module) -> nn.Sequential:
        conv = nn.Conv2d(channels, to, 3, padding=1)
        after = norm(to // 4 if between else to)
        return nn.Sequential(conv, *between, after, TrunkSiLU())

    widths = [in_channels, *out_channels]
    steps = [conv(a, 4 * b, nn.PixelShuffle(2)) for a, b in zip(widths, widths[1:])]
    return conv(in_channels, in_channels), nn.Sequential(*steps)


def conv_layers(
    in_channels: int,
    out_channels: Sequence[int],
    kernel_sizes: Sequence[int] | None = None,
    norm: Norm = nn.InstanceNorm2d,
) -> nn.Sequential:
    """Convolutions that keep height and width."""
    kernel_sizes = kernel_sizes or [1] * len(out_channels)
    _check_lengths('conv', out_channels, kernel_sizes)
    layers: list[nn.Module] = []
    for channels, size in zip(out_channels, kernel_sizes):
        if size % 2 == 0:
            raise ValueError(f'`conv_kernel_sizes` must be odd, but got {size}')
        conv = nn.Conv2d(in_channels, channels, size, padding=size // 2)
        layers += [conv, norm(channels), TrunkSiLU()]
        in_channels = channels
    return nn.Sequential(*layers)


def _check_lengths(name: str, channels: Sequence[int], kernel_sizes: Sequence[int]) -> None:
    if len(channels) != len(kernel_sizes):
        raise ValueError(
            f'`{name}_out_channels` and `{name}_kernel_sizes` must have the same length, '
            f'but got {tuple(channels)} and {tuple(kernel_sizes)}'
        )


def upsample(head: nn.Module, feats: Tensor) -> Tensor:
    """The trunk of a head: (B, D, h, w) to (B, _, 2^n h, 2^n w) for n steps of upsampling."""
    if feats.ndim != 4 or feats.shape[1] != head.in_channels:
        raise ValueError(
            f'the head needs feature maps (B, {head.in_channels}, h, w), but got '
            f'{tuple(feats.shape)}. Set `in_channels` of the head to the width of the backbone, '
            "and `out_type` of that to 'featmap'."
        )
    if hasattr(head, 'deconv_layers'):
        return head.conv_layers(head.deconv_layers(feats))
    return head.conv_layers(head.upsample_blocks(head.input_conv(feats)))


def init_by_fan(head: nn.Module) -> None:
    """Initialize as heads of the second generation: Kaiming normal, biases 0."""
    for module in head.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity='linear')
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _shapes(weights: Mapping[str, Tensor], layers: str, inside: str = '') -> list[torch.Size]:
    """Shapes of the weights of the layers of a sequence, in its order."""
    pattern = re.compile(rf'{layers}\.(\d+){inside}\.weight')
    found = [match for match in map(pattern.fullmatch, weights) if match]
    return [weights[match[0]].shape for match in sorted(found, key=lambda each: int(each[1]))]


class UpsamplingHead(nn.Module):
    """Transposed convolutions, which double height and width, convolutions, and C channels for each
    pixel; kernels are 4 and 1 pixels wide by default."""

    last: str  # Name of the last convolution
    only_for: str | None = None  # The field that a head with such a one is for, if it tells that
    keys = r'deconv_layers\.\d+\.weight|conv_layers\.\d+\.(weight|bias)'  # Of the trunk

    @classmethod
    def layers_of(cls, weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """The arguments of a head, but for its inputs and outputs, that has these weights."""
        deconv, conv = (_shapes(weights, f'{kind}_layers') for kind in ('deconv', 'conv'))
        return dict(
            deconv_out_channels=tuple(shape[1] for shape in deconv),
            deconv_kernel_sizes=tuple(shape[2] for shape in deconv),
            conv_out_channels=tuple(shape[0] for shape in conv),
            conv_kernel_sizes=tuple(shape[2] for shape in conv),
        )

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

    def maps(self, feats: Sequence[Tensor]) -> Tensor:
        """What :meth:`before_resize` takes of each image, (B, C, h, w); the output itself here."""
        output: Tensor = self(feats)
        return output

    @staticmethod
    def before_resize(maps: Tensor) -> Tensor:
        """What is resized to the image instead of an output (C, h, w); itself here."""
        return maps

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


class PixelShuffleHead(DenseHead):
    """A value for each pixel of the input: the trunk of the second generation.

    Args:
        in_channels (int): Width D of the encoder.
        out_channels (int): Channels C of the output.
        upsample_channels (Sequence[int]): Channels after each pixel shuffle, which doubles height
            and width.
        conv_out_channels (Sequence[int]): Channels of the convolutions that follow.
        conv_kernel_sizes (Sequence[int], optional): Their kernel sizes. Defaults to None, 3 each.
    """

    norm: Norm = nn.InstanceNorm2d
    keys = (
        r'(input_conv\.0|upsample_blocks\.\d+\.0|conv_layers\.\d+)\.(weight|bias)|'
        r'(input_conv\.1|upsample_blocks\.\d+\.2|conv_layers\.\d+)\.norm\.weight'
    )

    @classmethod
    def layers_of(cls, weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """See :meth:`UpsamplingHead.layers_of`."""
        steps, conv = _shapes(weights, 'upsample_blocks', r'\.0'), _shapes(weights, 'conv_layers')
        return dict(
            upsample_channels=tuple(shape[0] // 4 for shape in steps),
            conv_out_channels=tuple(shape[0] for shape in conv),
            conv_kernel_sizes=tuple(shape[2] for shape in conv),
        )

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        upsample_channels: Sequence[int],
        conv_out_channels: Sequence[int],
        conv_kernel_sizes: Sequence[int] | None = None,
    ) -> None:
        nn.Module.__init__(self)
        self.in_channels, self.out_channels = in_channels, out_channels
        norm = type(self).norm
        self.input_conv, self.upsample_blocks = pixel_shuffle_layers(
            in_channels, upsample_channels, norm
        )
        widths = [in_channels, *upsample_channels, *conv_out_channels]
        sizes = conv_kernel_sizes or [3] * len(conv_out_channels)
        width = widths[len(upsample_channels)]
        self.conv_layers = conv_layers(width, conv_out_channels, sizes, norm)
        self.add_module(self.last, nn.Conv2d(widths[-1], out_channels, 1))

    init_weights = init_by_fan


class PixelShuffleNormalHead(PixelShuffleHead):
    """Surface normals (3, H, W); the prediction has length 1."""

    last, only_for = 'conv_normal', 'normal_map'
    before_resize = staticmethod(NormalHead.finish)
    finish = staticmethod(NormalHead.finish)


class AlbedoHead(PixelShuffleHead):
    """Color without light (3, H, W), RGB from 0 to 1."""

    last, only_for = 'conv_albedo', 'albedo_map'
    norm = ChannelNorm

    @staticmethod
    def finish(maps: Tensor) -> Tensor:
        """Colors (3, H, W) from 0 to 1."""
        return maps.clamp(0, 1)


class MattingHead(PixelShuffleHead):
    """Premultiplied foreground, RGB, and alpha: (4, H, W) from 0 to 1."""

    last, only_for = 'conv_matting', 'matte_map'
    finish = staticmethod(AlbedoHead.finish)

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Foreground and alpha (B, 4, H, W) from the last of ``feats`` (B, D, h, w)."""
        return super().forward(feats).sigmoid()


class PointMapHead(PixelShuffleHead):
    """Points of the surface (3, H, W): x to the right, y down, z away from the camera, in meters.

    The network sees no focal length. So it predicts points as if that were 768 pixels, and the
    scale s = 768 / focal length of the input; points / s are metric.

    Args:
        in_channels (int): Width D of the encoder.
        out_channels (int): 3.
        scale_channels (Sequence[int]): Channels of the convolutions of the scale's branch, each of
            which halves the grid. Defaults to (1536, 512, 128).
        scale_hidden (Sequence[int]): Widths of the linear layers that follow. Defaults to (512,
            128).
        grid_hw (tuple[int, int]): Height and width of the features, of which the scale's branch
            takes no other. Defaults to (64, 48).
        **kwargs: Others of :class:`PixelShuffleHead`.
    """

    last, only_for = 'conv_pointmap', 'point_map'
    keys = PixelShuffleHead.keys + r'|scale_(conv_layers|final_layer)\.\d+\.(weight|bias)'

    @classmethod
    def layers_of(cls, weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """See :meth:`UpsamplingHead.layers_of`."""
        convs, linears = (_shapes(weights, f'scale_{_}') for _ in ('conv_layers', 'final_layer'))
        return dict(
            super().layers_of(weights),
            scale_channels=tuple(shape[0] for shape in convs),
            scale_hidden=tuple(shape[0] for shape in linears[:-1]),
        )

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 3,
        *,
        scale_channels: Sequence[int] = (1536, 512, 128),
        scale_hidden: Sequence[int] = (512, 128),
        grid_hw: tuple[int, int] = (64, 48),
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, **kwargs)
        self.grid_hw = tuple(grid_hw)
        layers: list[nn.Module] = []
        rows, columns = grid_hw
        for before, channels in zip([in_channels, *scale_channels], scale_channels):
            layers += [nn.Conv2d(before, channels, 1, 2), nn.InstanceNorm2d(channels), TrunkSiLU()]
            rows, columns = -(-rows // 2), -(-columns // 2)
        if rows * columns < 2:
            raise ValueError(
                f'{len(scale_channels)} convolutions that halve `grid_hw` {grid_hw} leave one '
                'number, of which there is no norm. Use larger images, or fewer `scale_channels`.'
            )
        self.scale_conv_layers = nn.Sequential(*layers)
        widths = [[in_channels, *scale_channels][-1] * rows * columns, *scale_hidden, 1]
        layers = [nn.Flatten()]
        for before, width in zip(widths, widths[1:]):
            layers += [nn.Linear(before, width), nn.SiLU()]
        self.scale_final_layer = nn.Sequential(*layers[:-1])

    def both(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Canonical points (B, 3, H, W) and scale (B, 1) from the last of ``feats`` (B, D, h, w).

        Raises:
            ValueError: If the features have another height and width than ``grid_hw``.
        """
        maps, grid = feats[-1], tuple(feats[-1].shape[2:])
        if grid != self.grid_hw:
            raise ValueError(
                f'the scale of a point map is predicted for features of {self.grid_hw}, but got '
                f'{grid}. Give images of the size that the model was trained with.'
            )
        scale = self.scale_final_layer(self.scale_conv_layers(maps))
        return UpsamplingHead.forward(self, feats), scale

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Points (B, 3, H, W) in meters; NaN where the scale is not above 0."""
        return metric_points(*self.both(feats))

    def maps(self, feats: Sequence[Tensor]) -> Tensor:
        """Canonical points and, everywhere the same, their scale (B, 4, H, W)."""
        points, scale = self.both(feats)
        return torch.cat([points, scale[..., None, None].expand_as(points[:, :1])], dim=1)

    @staticmethod
    def before_resize(maps: Tensor) -> Tensor:
        """Points (3, H, W) in meters of :meth:`maps` (4, H, W)."""
        maps = maps.float()
        return metric_points(maps[None, :3], maps[None, 3:, 0, 0])[0]

    @staticmethod
    def focal_length(maps: Tensor, resize_factor: float) -> float:
        """That of the image in pixels, from :meth:`maps` (4, H, W); NaN where the scale is none."""
        return float(focal_length(maps[3, 0, 0].float(), resize_factor))


HEADS: dict[str, type[UpsamplingHead]] = {
    head.__name__: head
    for head in (
        HeatmapHead,
        ParsingHead,
        DepthHead,
        NormalHead,
        PixelShuffleNormalHead,
        AlbedoHead,
        MattingHead,
        PointMapHead,
    )
}
"""Name -> head of the tasks of :data:`mmsapiens.models.tasks.TASKS`."""
