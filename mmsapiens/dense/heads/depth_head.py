"""Relative depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...registry import MODELS
from .dense_head import DenseHead


@MODELS.register_module()
class DepthHead(DenseHead):
    """Relative depth: 0 the nearest and 1 the farthest pixel of a person.

    The output is linear: values below 0 and above 1 occur. Sapiens: (B, D, 64, 48) to (B, 1, 1024,
    768).

    Args:
        in_channels (int): Width D of the backbone.
        deconv_out_channels (Sequence[int]): As in :class:`DenseHead`. Defaults to (384, 384, 384,
            384).
        conv_out_channels (Sequence[int]): Likewise. Defaults to (384, 384).
        **kwargs: As in :class:`DenseHead`.
    """

    field = 'depth_map'

    def __init__(
        self,
        in_channels: int,
        *,
        deconv_out_channels: Sequence[int] = (384, 384, 384, 384),
        conv_out_channels: Sequence[int] = (384, 384),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault('loss_decode', dict(type='mmsapiens.ScaleInvariantLogLoss'))
        super().__init__(
            in_channels,
            deconv_out_channels=deconv_out_channels,
            conv_out_channels=conv_out_channels,
            **kwargs,
        )

    def valid(self, target: Tensor) -> Tensor:
        """Where ``target`` (B, 1, H, W) is not below 0, bool (B, H, W)."""
        return target[:, 0] >= 0

    def statistics(self, pred: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """``share_not_positive`` of the valid pixels, which has no logarithm.

        If it stays near 1, training is dead.
        """
        with torch.no_grad():
            wrong = ((pred[:, 0] <= 0) & valid).sum()
            return dict(share_not_positive=wrong / valid.sum().clamp(min=1))
