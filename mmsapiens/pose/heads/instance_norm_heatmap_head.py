"""The heatmap head of Sapiens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmpose.models.heads import HeatmapHead
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...models.layers import conv_layers, deconv_layers
from ...registry import MODELS
from ...utils.checkpoint import check_head


@MODELS.register_module()
class InstanceNormHeatmapHead(HeatmapHead):
    """Stock heatmap head with instance norm and SiLU.

    The stock head has batch norm and ReLU at the same layer numbers, so
    weights of one load into the other without an error and give garbage.
    Here, such weights and those for another number of keypoints are refused.
    Sapiens, 308 keypoints: (B, D, 64, 48) to heatmaps (B, 308, 256, 192).

    Args:
        in_channels (int): Width D of the backbone.
        out_channels (int): Number of keypoints K.
        deconv_out_channels (Sequence[int]): Channels after each transposed
            convolution, which doubles the resolution. Defaults to
            (768, 768).
        deconv_kernel_sizes (Sequence[int]): Their kernel sizes. Defaults to
            (4, 4).
        conv_out_channels (Sequence[int]): Channels of the convolutions that
            follow. Defaults to (768, 768).
        conv_kernel_sizes (Sequence[int]): Their kernel sizes. Defaults to
            (1, 1).
        **kwargs: ``final_layer``, ``loss``, ``decoder`` and ``init_cfg`` of
            the stock head.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        deconv_out_channels: Sequence[int] = (768, 768),
        deconv_kernel_sizes: Sequence[int] = (4, 4),
        conv_out_channels: Sequence[int] = (768, 768),
        conv_kernel_sizes: Sequence[int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault(
            'loss', dict(type='mmpose.KeypointMSELoss', use_target_weight=True)
        )
        super().__init__(
            in_channels,
            out_channels,
            deconv_out_channels=deconv_out_channels,
            deconv_kernel_sizes=deconv_kernel_sizes,
            conv_out_channels=conv_out_channels,
            conv_kernel_sizes=conv_kernel_sizes,
            **kwargs,
        )
        # Kept from here: inside a sharded model the parameters have other
        # shapes while weights are loaded.
        self._weight_shapes = {
            f'head.{key}': value.to('meta')
            for key, value in self.state_dict().items()
        }

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Heatmaps (B, K, H, W) from the last of ``feats`` (B, D, h, w).

        Raises:
            ValueError: If that is no feature map of ``in_channels``.
        """
        shape = tuple(feats[-1].shape)
        if len(shape) != 4 or shape[1] != self.in_channels:
            raise ValueError(
                f'the head needs feature maps (B, {self.in_channels}, h, w), '
                f'but got {shape}. Set `in_channels` of the head to the width '
                "of the backbone, and `out_type` of that to 'featmap'."
            )
        return super().forward(feats)

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[PoseDataSample],
        *args: Any,
        **kwargs: Any,
    ) -> dict:
        """Losses as in the stock head.

        Raises:
            ValueError: If the targets have another size than the heatmaps.
        """
        self._check_targets(feats[-1], batch_data_samples[0])
        return super().loss(feats, batch_data_samples, *args, **kwargs)

    def _check_targets(self, feats: Tensor, sample: PoseDataSample) -> None:
        deconvs = sum(
            isinstance(module, nn.ConvTranspose2d)
            for module in self.deconv_layers.modules()
        )
        height, width = (side * 2**deconvs for side in feats.shape[-2:])
        target = tuple(sample.gt_fields.heatmaps.shape)
        if target != (self.out_channels, height, width):
            raise ValueError(
                f'the head predicts {self.out_channels} heatmaps, {height} '
                f'high and {width} wide, but the targets are {target[0]}, '
                f'{target[1]} high and {target[2]} wide. Set `out_channels` '
                'of the head to the number of keypoints, and `heatmap_size` '
                f'of the codec to ({width}, {height}).'
            )

    def _make_deconv_layers(
        self,
        in_channels: int,
        layer_out_channels: Sequence[int],
        layer_kernel_sizes: Sequence[int],
    ) -> nn.Module:
        return deconv_layers(
            in_channels, layer_out_channels, layer_kernel_sizes
        )

    def _make_conv_layers(
        self,
        in_channels: int,
        layer_out_channels: Sequence[int],
        layer_kernel_sizes: Sequence[int],
    ) -> nn.Module:
        return conv_layers(in_channels, layer_out_channels, layer_kernel_sizes)

    @property
    def default_init_cfg(self) -> list[dict]:
        """Normal with std 0.001 for every convolution, zero biases."""
        return [
            dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001)
        ]

    def _load_state_dict_pre_hook(
        self,
        state_dict: Mapping[str, Tensor],
        prefix: str,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Refuse weights that would be silently wrong."""
        check_head(
            {
                f'head.{key[len(prefix) :]}': value
                for key, value in state_dict.items()
                if key.startswith(prefix)
            },
            self._weight_shapes,
        )
