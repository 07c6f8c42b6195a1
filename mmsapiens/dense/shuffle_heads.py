"""Heads of the second generation: normals, albedo, mattes and point maps, by pixel shuffles.

The layers and names are those of :mod:`mmsapiens.models.heads`. Shapes: B batch, D width of the
backbone, C channels of the output, H W height and width in pixels, h w those of the feature map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from ..models import heads, map_losses
from ..ops.cameras import canonical_scale, check_intrinsics
from ..ops.known_pixels import has_normal
from ..registry import MODELS
from .heads import DenseHead


class ShuffleHead(DenseHead):
    """Pixel shuffles, convolutions, and one output for each pixel of the input.

    Args:
        in_channels (int): Width D of the backbone.
        upsample_channels (Sequence[int]): Channels after each shuffle, which doubles height and
            width. Defaults to (768, 512, 256, 128).
        conv_out_channels (Sequence[int]): Of what follows. Defaults to (64, 32, 16).
        **kwargs: Others of the head of the core, and of :class:`DenseHead` without those of its
            trunk.
    """

    core: type[heads.PixelShuffleHead]
    core_options: tuple[str, ...] = ('conv_kernel_sizes',)

    def __init__(
        self,
        in_channels: int,
        *,
        upsample_channels: Sequence[int] = (768, 512, 256, 128),
        conv_out_channels: Sequence[int] = (64, 32, 16),
        loss_decode: Any = (),
        **kwargs: Any,
    ) -> None:
        options = {key: kwargs.pop(key) for key in self.core_options if key in kwargs}
        super().__init__(
            in_channels,
            deconv_out_channels=(),
            conv_out_channels=(),
            loss_decode=list(loss_decode) if isinstance(loss_decode, tuple) else loss_decode,
            **{'dropout_ratio': 0, 'init_cfg': None, **kwargs},
        )
        del self.conv_seg, self.deconv_layers, self.conv_layers
        core = self.core(
            in_channels,
            self.row.channels,
            upsample_channels=upsample_channels,
            conv_out_channels=conv_out_channels,
            **options,
        )
        for name, child in core.named_children():
            self.add_module(name, child)
        self.last = core.last
        self._weight_shapes = {k: value.to('meta') for k, value in self.state_dict().items()}

    finish = staticmethod(heads.DenseHead.finish)
    init_weights = heads.init_by_fan

    def cls_seg(self, feat: Tensor) -> Tensor:
        """The last convolution."""
        return getattr(self, self.last)(feat)


@MODELS.register_module()
class PixelShuffleNormalHead(ShuffleHead):
    """Surface normals of length 1; ten times cosine, L1, and ten times squared gradients.

    Args: As :class:`ShuffleHead`.
    """

    field = 'normal_map'
    core = heads.PixelShuffleNormalHead
    finish = staticmethod(core.finish)

    def valid(self, target: Tensor) -> Tensor:
        """Where ``target`` (B, 3, H, W) has about length 1, as no background; bool (B, H, W)."""
        return has_normal(target, dim=1)

    def _losses(self, *args: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        return map_losses.normal_losses(*args)


@MODELS.register_module()
class AlbedoHead(ShuffleHead):
    """Color without light, RGB; twice L1, twice the gradients, and chromaticity.

    Args: As :class:`ShuffleHead`.
    """

    field = 'albedo_map'
    core = heads.AlbedoHead
    finish = staticmethod(core.finish)

    def valid(self, target: Tensor) -> Tensor:
        """Where no channel of ``target`` (B, 3, H, W) is below 0; bool (B, H, W)."""
        return (target >= 0).all(dim=1)

    def _losses(self, *args: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        return map_losses.albedo_losses(*args)


@MODELS.register_module()
class MattingHead(ShuffleHead):
    """Premultiplied foreground, RGB, and alpha.

    Args: As :class:`ShuffleHead`.
    """

    field = 'matte_map'
    core = heads.MattingHead
    finish = staticmethod(core.finish)

    def activate(self, feats: Tensor) -> Tensor:
        """From 0 to 1."""
        return feats.sigmoid()

    def valid(self, target: Tensor) -> Tensor:
        """Where the foreground of ``target`` (B, 4, H, W) is known, bool (B, H, W)."""
        return map_losses.known_foreground(target[:, 3:])

    def counted(self, target: Tensor, batch_data_samples: Sequence[SegDataSample]) -> Tensor:
        """All pixels of samples with ``is_color_known``."""
        known = [bool(sample.get('is_color_known', False)) for sample in batch_data_samples]
        return self.valid(target) | torch.tensor(known, device=target.device)[:, None, None]

    def _losses(self, *args: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        pred, target, known = args
        return map_losses.matting_losses(pred, target[:, 3:], target[:, :3], known)


@MODELS.register_module()
class PointMapHead(ShuffleHead):
    """Points of the surface in meters, x to the right, y down, z away, and their scale.

    Samples need the ``intrinsics`` of their input (3, 3) in the metainfo, which
    ``PackDenseInputs(meta_keys=...)`` packs.

    Args: As :class:`ShuffleHead`; ``upsample_channels`` defaults to (1536, 768, 512, 256), and
        ``grid_hw``, ``scale_channels`` and ``scale_hidden`` are those of
        :class:`mmsapiens.models.heads.PointMapHead`.
    """

    field = 'point_map'
    core = heads.PointMapHead
    core_options = ('conv_kernel_sizes', 'grid_hw', 'scale_channels', 'scale_hidden')

    def __init__(self, in_channels: int, **kwargs: Any) -> None:
        kwargs.setdefault('upsample_channels', (1536, 768, 512, 256))
        super().__init__(in_channels, **kwargs)
        self.grid_hw = tuple(kwargs.get('grid_hw', (64, 48)))

    both = heads.PointMapHead.both

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Points (B, 3, H, W) in meters."""
        return heads.PointMapHead.forward(self, [self._transform_inputs(inputs)])

    def valid(self, target: Tensor) -> Tensor:
        """Where ``target`` (B, 3, H, W) is in front of the camera, bool (B, H, W)."""
        return target[:, 2] > 0

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: Sequence[SegDataSample], train_cfg: Any
    ) -> dict[str, Tensor]:
        """Losses by name, see :func:`mmsapiens.models.map_losses.pointmap_losses`.

        Raises:
            ValueError: If a sample has no points, or no camera.
        """
        target = self._stack_batch_gt(batch_data_samples)
        missing = [s.get('img_path') for s in batch_data_samples if 'intrinsics' not in s]
        if missing:
            raise ValueError(
                'point maps need `intrinsics` (3, 3) of the input in the metainfo of each sample, '
                f'but {missing[:3]} have none. Add it to `meta_keys` of PackDenseInputs.'
            )
        cameras = np.stack([np.asarray(s.get('intrinsics')) for s in batch_data_samples])
        camera = check_intrinsics(torch.as_tensor(cameras).to(target))
        points, scale = self.both([self._transform_inputs(inputs)])
        valid = self.valid(target)
        target = target * canonical_scale(camera)[:, None, None, None]
        return map_losses.pointmap_losses(points, scale, target, camera, valid)
