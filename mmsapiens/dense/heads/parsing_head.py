"""Body parts: one class for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor

from ...models import heads
from ...ops.class_choice import choose_class
from ...registry import MODELS
from .dense_head import DenseHead


@torch.no_grad()
def pixel_accuracy(pred: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """Share of pixels whose largest logit is that of their class.

    Args:
        pred (Tensor): Logits (B, C, H, W).
        target (Tensor): Class ids (B, H, W), int64.
        ignore_index (int): Label of pixels that do not count.

    Returns:
        Tensor: Per cent of the others, (1,), float32; 100 if there is none, as in mmsegmentation.
    """
    chosen = torch.stack([choose_class(logits)[0] for logits in pred.detach()])
    counted = target != ignore_index  # (B, H, W)
    eps = torch.finfo(torch.float32).eps
    correct = ((chosen == target) & counted).sum().float() + eps
    return (correct * 100 / (counted.sum() + eps))[None]


@MODELS.register_module()
class ParsingHead(DenseHead):
    """Body-part segmentation: logits of each class.

    Losses are called as in stock heads, with class ids (B, H, W), so that those of mmsegmentation
    work as well.

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
        pred = resize(
            seg_logits, size=target.shape[1:], mode='bilinear', align_corners=self.align_corners
        )  # (B, C, H, W)
        losses: dict[str, Tensor] = {}
        for loss in self._losses():
            value = loss(pred, target, ignore_index=self.ignore_index)
            name = loss.loss_name
            losses[name] = losses[name] + value if name in losses else value
        losses['acc_seg'] = pixel_accuracy(pred, target, self.ignore_index)
        return losses

    finish = staticmethod(heads.ParsingHead.finish)
