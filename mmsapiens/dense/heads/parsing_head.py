"""Body parts: one class for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor

from ...registry import MODELS
from ..class_choice import choose_class
from .dense_head import DenseHead


@MODELS.register_module()
class ParsingHead(DenseHead):
    """Body-part segmentation: logits of each class.

    Losses are called as in stock heads, with class ids (B, H, W), so that
    those of mmsegmentation work as well.

    Args:
        in_channels (int): Width D of the backbone.
        num_classes (int): Classes, background included.
        **kwargs: As in :class:`DenseHead`.
    """

    field = 'seg_map'

    def __init__(
        self, in_channels: int, num_classes: int, **kwargs: Any
    ) -> None:
        kwargs.setdefault(
            'loss_decode', dict(type='mmsapiens.AllPixelCrossEntropyLoss')
        )
        super().__init__(in_channels, num_classes, **kwargs)

    def loss_by_feat(
        self, seg_logits: Tensor, batch_data_samples: Sequence[SegDataSample]
    ) -> dict[str, Tensor]:
        """Losses, and ``acc_seg`` in per cent of the valid pixels."""
        return BaseDecodeHead.loss_by_feat(
            self, seg_logits, batch_data_samples
        )

    def finish(self, feats: Tensor) -> Tensor:
        """Class ids (1, H, W), int64, of logits (C, H, W)."""
        return choose_class(feats)
