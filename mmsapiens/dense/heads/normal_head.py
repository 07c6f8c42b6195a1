"""Surface normals."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...models import heads
from ...registry import MODELS
from .dense_head import DenseHead

LENGTH_TOLERANCE = 0.5


@MODELS.register_module()
class NormalHead(DenseHead):
    """Surface normals: x, y, z in the frame of the training set.

    The datasets of this package give x to the right, y up and z towards the camera. Losses see
    vectors of any length, predictions have length 1.

    Args:
        in_channels (int): Width D of the backbone.
        **kwargs: As in :class:`DenseHead`.
    """

    field = 'normal_map'

    def __init__(self, in_channels: int, **kwargs: Any) -> None:
        kwargs.setdefault(
            'loss_decode',
            [dict(type='mmsapiens.NormalCosineLoss'), dict(type='mmsapiens.NormalL1Loss')],
        )
        super().__init__(in_channels, **kwargs)

    def valid(self, target: Tensor) -> Tensor:
        """Where ``target`` (B, 3, H, W) has about length 1, bool (B, H, W).

        The background is stored as 0, in the reference implementation as
        -1000.
        """
        lengths = target.square().sum(1).sqrt()  # (B, H, W)
        return (lengths - 1).abs() < LENGTH_TOLERANCE

    finish = staticmethod(heads.NormalHead.finish)
