"""The trunk and the training step that all dense heads share.

Shapes: B batch, D width of the backbone, C channels of the output, H W height and width in pixels,
h w those of the feature map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...checkpoints.heads import check_loaded
from ...models.heads import upsample
from ...models.layers import conv_layers, deconv_layers
from ...structures.fields import get_field


class DenseHead(BaseDecodeHead):
    """Transposed convolutions, convolutions, and one output for each pixel.

    Every convolution is followed by an instance norm without parameters and by SiLU. Stock weights,
    and those for another number of channels, are refused. Sapiens, parsing: (B, D, 64, 48) to (B,
    28, 512, 384).

    A subclass names its field, a row of :data:`mmsapiens.dense.FIELDS`, and changes what differs.

    Args:
        in_channels (int): Width D of the backbone.
        num_classes (int, optional): Channels C of the output. Defaults to None, those of the field.
        deconv_out_channels (Sequence[int]): Channels after each transposed convolution, which
            doubles height and width. Defaults to (768, 768, 768).
        deconv_kernel_sizes (Sequence[int], optional): Their kernel sizes. Defaults to None, 4 each.
        conv_out_channels (Sequence[int]): Channels of the convolutions that follow. Defaults to
            (768, 768, 768).
        conv_kernel_sizes (Sequence[int], optional): Their kernel sizes. Defaults to None, 1 each.
        dropout_ratio (float): Share of whole channels that are dropped in front of the last
            convolution in training. Defaults to 0.1.
        loss_decode (dict | Sequence[dict]): Losses, called with prediction,
            target and valid pixels.
        **kwargs: ``in_index``, ``ignore_index``, ``align_corners``,
            ``sampler`` and ``init_cfg`` of the stock head.
    """

    field: str
    """Name of the row in :data:`mmsapiens.dense.FIELDS`."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int | None = None,
        *,
        deconv_out_channels: Sequence[int] = (768, 768, 768),
        deconv_kernel_sizes: Sequence[int] | None = None,
        conv_out_channels: Sequence[int] = (768, 768, 768),
        conv_kernel_sizes: Sequence[int] | None = None,
        dropout_ratio: float = 0.1,
        loss_decode: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        **kwargs: Any,
    ) -> None:
        self.row = get_field(self.field)
        width = [in_channels, *deconv_out_channels, *conv_out_channels][-1]
        super().__init__(
            in_channels,
            width,
            num_classes=num_classes or self.row.channels,
            threshold=0.5,  # of binary masks, which no field is
            dropout_ratio=dropout_ratio,
            loss_decode=loss_decode,
            **kwargs,
        )
        if deconv_kernel_sizes is None:
            deconv_kernel_sizes = [4] * len(deconv_out_channels)
        if conv_kernel_sizes is None:
            conv_kernel_sizes = [1] * len(conv_out_channels)
        self.deconv_layers = deconv_layers(in_channels, deconv_out_channels, deconv_kernel_sizes)
        self.conv_layers = conv_layers(
            [in_channels, *deconv_out_channels][-1], conv_out_channels, conv_kernel_sizes
        )
        # Kept from here: inside a sharded model the parameters have other shapes while weights are
        # loaded.
        self._weight_shapes = {k: value.to('meta') for k, value in self.state_dict().items()}
        self.register_load_state_dict_pre_hook(_refuse_wrong_weights)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Raw output (B, C, H, W) from the last of ``inputs`` (B, D, h, w).

        Raises:
            ValueError: If that is no feature map of ``in_channels``.
        """
        feats = upsample(self, self._transform_inputs(inputs))
        return self.cls_seg(feats).contiguous()  # (B, C, 2^n h, 2^n w)

    def activate(self, feats: Tensor) -> Tensor:
        """What the losses see of raw output (B, C, H, W); itself here."""
        return feats

    def valid(self, target: Tensor) -> Tensor:
        """Pixels of a target (B, C, H, W) that count, bool (B, H, W)."""
        raise NotImplementedError

    def finish(self, feats: Tensor) -> Tensor:
        """The prediction (C, H, W) from activated output of full size."""
        return feats

    def loss_by_feat(
        self, seg_logits: Tensor, batch_data_samples: Sequence[SegDataSample]
    ) -> dict[str, Tensor]:
        """Losses of a batch at the resolution of the target.

        Args:
            seg_logits (Tensor): Raw output (B, C, h, w).
            batch_data_samples (Sequence[SegDataSample]): With the field.

        Returns:
            dict[str, Tensor]: The losses by name.

        Raises:
            ValueError: If a sample does not have the field.
        """
        target = self._stack_batch_gt(batch_data_samples)  # (B, C, H, W)
        pred = resize(
            seg_logits, size=target.shape[2:], mode='bilinear', align_corners=self.align_corners
        )
        pred = self.activate(pred)
        valid = self.valid(target)
        losses: dict[str, Tensor] = {}
        for loss in self._losses():
            value = loss(pred, target, valid)
            name = loss.loss_name
            losses[name] = losses[name] + value if name in losses else value
        return {**losses, **self.statistics(pred, target, valid)}

    def statistics(self, pred: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Figures for the log beside the losses; none here."""
        return {}

    def _losses(self) -> list[nn.Module]:
        if isinstance(self.loss_decode, nn.ModuleList):
            return list(self.loss_decode)
        return [self.loss_decode]

    def _stack_batch_gt(self, batch_data_samples: Sequence[SegDataSample]) -> Tensor:
        name = self.row.gt_name
        for sample in batch_data_samples:
            if name not in sample:
                raise ValueError(
                    f'a training sample of {type(self).__name__} must have '
                    f'`{name}`, but it has {sorted(sample.all_keys())}. Load '
                    f'`{self.row.path_key}` in the pipeline and pack it with '
                    "'mmsapiens.PackDenseInputs'."
                )
        return torch.stack([sample.get(name).data for sample in batch_data_samples])


def _refuse_wrong_weights(
    head: DenseHead, state_dict: Mapping[str, Tensor], prefix: str, *_: Any
) -> None:
    """Refuse weights that would be silently wrong."""
    check_loaded(state_dict, prefix, head._weight_shapes, 'decode_head')
