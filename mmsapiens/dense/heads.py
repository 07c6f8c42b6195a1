"""Heads of the dense tasks: one trunk and one training step, and what differs by task.

Shapes: B batch, D width of the backbone, C channels of the output, H W height and width in pixels,
h w those of the feature map.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..checkpoints.heads import check_loaded
from ..models import heads
from ..ops.class_choice import choose_class
from ..ops.known_pixels import has_normal
from ..registry import MODELS
from ..structures.fields import get_field


class DenseHead(BaseDecodeHead):
    """Transposed convolutions, convolutions, and one output for each pixel.

    Every convolution is followed by an instance norm without parameters and by SiLU. Stock weights,
    and those for another number of channels, are refused. A subclass names its field and changes
    what differs. Sapiens, parsing: (B, D, 64, 48) to (B, 28, 512, 384).

    Args:
        in_channels (int): Width D of the backbone.
        num_classes (int, optional): Channels C of the output. Defaults to None, those of the field.
        deconv_out_channels (Sequence[int]): Channels after each transposed convolution, which
            doubles height and width. Defaults to (768, 768, 768).
        deconv_kernel_sizes (Sequence[int], optional): Their kernel sizes. Defaults to None, 4 each.
        conv_out_channels (Sequence[int]): Of what follows. Defaults to (768, 768, 768).
        conv_kernel_sizes (Sequence[int], optional): Their kernel sizes. Defaults to None, 1 each.
        loss_decode (dict | Sequence[dict]): Losses of prediction, target and valid pixels.
        **kwargs: ``dropout_ratio`` (0.1), ``in_index``, ``ignore_index``, ``align_corners``,
            ``sampler`` and ``init_cfg`` of the stock head.
    """

    field: str  # Name of the row in :data:`mmsapiens.dense.FIELDS`

    def __init__(
        self,
        in_channels: int,
        num_classes: int | None = None,
        *,
        deconv_out_channels: Sequence[int] = (768, 768, 768),
        deconv_kernel_sizes: Sequence[int] | None = None,
        conv_out_channels: Sequence[int] = (768, 768, 768),
        conv_kernel_sizes: Sequence[int] | None = None,
        loss_decode: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        **kwargs: Any,
    ) -> None:
        self.row = get_field(self.field)
        widths = [in_channels, *deconv_out_channels]
        stock = dict(num_classes=num_classes or self.row.channels, loss_decode=loss_decode)
        # The threshold is that of binary masks, which no field is.
        super().__init__(
            in_channels, [*widths, *conv_out_channels][-1], threshold=0.5, **stock, **kwargs
        )
        self.deconv_layers = heads.deconv_layers(
            in_channels, deconv_out_channels, deconv_kernel_sizes
        )
        self.conv_layers = heads.conv_layers(widths[-1], conv_out_channels, conv_kernel_sizes)
        # Kept from here: in a sharded model the shapes are others while weights are loaded.
        self._weight_shapes = {k: value.to('meta') for k, value in self.state_dict().items()}
        self.register_load_state_dict_pre_hook(_refuse_wrong_weights)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Raw output (B, C, H, W) from the last of ``inputs`` (B, D, h, w)."""
        feats = heads.upsample(self, self._transform_inputs(inputs))
        return self.cls_seg(feats).contiguous()  # (B, C, 2^n h, 2^n w)

    def activate(self, feats: Tensor) -> Tensor:
        """What the losses see of raw output (B, C, H, W); itself here."""
        return feats

    def valid(self, target: Tensor) -> Tensor:
        """Pixels of a target (B, C, H, W) that count, bool (B, H, W)."""
        raise NotImplementedError

    def counted(self, target: Tensor, batch_data_samples: Sequence[SegDataSample]) -> Tensor:
        """Pixels that count, with what the samples say; :meth:`valid` here."""
        return self.valid(target)

    finish = staticmethod(heads.DenseHead.finish)
    """The prediction (C, H, W) from activated output of full size."""

    def loss_by_feat(
        self, seg_logits: Tensor, batch_data_samples: Sequence[SegDataSample]
    ) -> dict[str, Tensor]:
        """Losses by name of raw output (B, C, h, w) at the resolution of the samples' field."""
        target = self._stack_batch_gt(batch_data_samples)  # (B, C, H, W)
        pred = self.activate(self._resize(seg_logits, target))
        valid = self.counted(target, batch_data_samples)
        return {**self._losses(pred, target, valid), **self.statistics(pred, target, valid)}

    def _resize(self, seg_logits: Tensor, target: Tensor) -> Tensor:
        size = target.shape[-2:]
        return resize(seg_logits, size, mode='bilinear', align_corners=self.align_corners)

    def statistics(self, pred: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Figures for the log beside the losses; none here."""
        return {}

    def _losses(self, *args: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        """Name -> the sum of the losses of that name."""
        is_list = isinstance(self.loss_decode, nn.ModuleList)
        losses: dict[str, Tensor] = {}
        for loss in self.loss_decode if is_list else [self.loss_decode]:
            value, name = loss(*args, **kwargs), loss.loss_name
            losses[name] = losses[name] + value if name in losses else value
        return losses

    def _stack_batch_gt(self, batch_data_samples: Sequence[SegDataSample]) -> Tensor:
        name = self.row.gt_name
        for sample in batch_data_samples:
            if name not in sample:
                raise ValueError(
                    f'a training sample of {type(self).__name__} must have `{name}`, but it has '
                    f'{sorted(sample.all_keys())}. Load it, and pack it with '
                    "'mmsapiens.PackDenseInputs'."
                )
        return torch.stack([sample.get(name).data for sample in batch_data_samples])


def _refuse_wrong_weights(
    head: DenseHead, state_dict: Mapping[str, Tensor], prefix: str, *_: Any
) -> None:
    check_loaded(state_dict, prefix, head._weight_shapes, 'decode_head')


@MODELS.register_module()
class ParsingHead(DenseHead):
    """Body-part segmentation: logits of each class; losses get class ids (B, H, W), as in stock.

    Args:
        in_channels (int): Width D of the backbone.
        num_classes (int): Classes, background included.
        **kwargs: As in :class:`DenseHead`.
    """

    field = 'seg_map'

    def __init__(self, in_channels: int, num_classes: int, **kwargs: Any) -> None:
        kwargs.setdefault('loss_decode', dict(type='mmsapiens.AllPixelCrossEntropyLoss'))
        super().__init__(in_channels, num_classes, **kwargs)

    def loss_by_feat(
        self, seg_logits: Tensor, batch_data_samples: Sequence[SegDataSample]
    ) -> dict[str, Tensor]:
        """Losses, and ``acc_seg`` in per cent of the valid pixels."""
        if self.sampler is not None:
            return BaseDecodeHead.loss_by_feat(self, seg_logits, batch_data_samples)
        target = self._stack_batch_gt(batch_data_samples).squeeze(1)
        pred = self._resize(seg_logits, target)  # (B, C, H, W)
        losses = self._losses(pred, target, ignore_index=self.ignore_index)
        return dict(losses, acc_seg=pixel_accuracy(pred, target, self.ignore_index))

    finish = staticmethod(heads.ParsingHead.finish)


@torch.no_grad()
def pixel_accuracy(pred: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """Per cent of the pixels whose largest logit (B, C, H, W) is that of their class (B, H, W),
    without those of ``ignore_index``; float32 (1,), 100 if there is none, as in mmsegmentation."""
    chosen = torch.stack([choose_class(logits)[0] for logits in pred.detach()])
    counted = target != ignore_index  # (B, H, W)
    eps = torch.finfo(torch.float32).eps
    correct = ((chosen == target) & counted).sum().float() + eps
    return (correct * 100 / (counted.sum() + eps))[None]


@MODELS.register_module()
class DepthHead(DenseHead):
    """Relative depth: 0 the nearest and 1 the farthest pixel of a person.

    The output is linear: values below 0 and above 1 occur. Sapiens: (B, D, 64, 48) to (B, 1, 1024,
    768).

    Args:
        in_channels (int): Width D of the backbone.
        **kwargs: As in :class:`DenseHead`; ``deconv_out_channels`` and ``conv_out_channels``
            default to 384 each, of four and two layers.
    """

    field = 'depth_map'

    def __init__(self, in_channels: int, **kwargs: Any) -> None:
        kwargs.setdefault('deconv_out_channels', (384, 384, 384, 384))
        kwargs.setdefault('conv_out_channels', (384, 384))
        kwargs.setdefault('loss_decode', dict(type='mmsapiens.ScaleInvariantLogLoss'))
        super().__init__(in_channels, **kwargs)

    def valid(self, target: Tensor) -> Tensor:
        """Where ``target`` (B, 1, H, W) is not below 0, bool (B, H, W)."""
        return target[:, 0] >= 0

    def statistics(self, pred: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """``share_not_positive`` of the valid pixels; if it stays near 1, training is dead."""
        with torch.no_grad():
            wrong = ((pred[:, 0] <= 0) & valid).sum()
            return dict(share_not_positive=wrong / valid.sum().clamp(min=1))


@MODELS.register_module()
class NormalHead(DenseHead):
    """Surface normals of length 1, in the frame of the training set: x right, y up, z to the eye.

    Args:
        in_channels (int): Width D of the backbone.
        **kwargs: As in :class:`DenseHead`.
    """

    field = 'normal_map'

    def __init__(self, in_channels: int, **kwargs: Any) -> None:
        losses = [dict(type='mmsapiens.NormalCosineLoss'), dict(type='mmsapiens.NormalL1Loss')]
        kwargs.setdefault('loss_decode', losses)
        super().__init__(in_channels, **kwargs)

    def valid(self, target: Tensor) -> Tensor:
        """Where ``target`` (B, 3, H, W) has about length 1, as no background; bool (B, H, W)."""
        return has_normal(target, dim=1)

    finish = staticmethod(heads.NormalHead.finish)
