"""Losses of surface normals: by component and by angle.

Shapes: B batch, H W pixels. Both are pooled over the pixels of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...ops import unit_vectors
from .precision import full_precision

HALF_EPS = 1e-3


def normal_l1_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean over valid pixels of the sum of ``|pred - target|`` over x, y, z.

    Args:
        pred (Tensor): Vectors of any length (B, 3, H, W).
        target (Tensor): Unit normals in the same frame (B, 3, H, W).
        valid (Tensor): Pixels to count, bool (B, H, W).

    Returns:
        Tensor: A scalar, float32; 0 when no pixel is valid.
    """
    mask = valid[:, None]
    error = torch.where(mask, full_precision(pred) - full_precision(target), 0).abs()
    return error.sum() / valid.sum().clamp(min=1)


def normal_cosine_loss(pred: Tensor, target: Tensor, valid: Tensor, eps: float = 1e-6) -> Tensor:
    """Mean of ``1 - cos`` between predicted and true normals.

    Args:
        pred (Tensor): Vectors of any length (B, 3, H, W).
        target (Tensor): Unit normals in the same frame (B, 3, H, W).
        valid (Tensor): Pixels to count, bool (B, H, W).
        eps (float): Shorter vectors are divided by this instead of their length. In half precision
            at least 1e-3, so that gradients stay finite. Defaults to 1e-6.

    Returns:
        Tensor: A scalar in [0, 2], float32; 0 when no pixel is valid.
    """
    if pred.dtype == torch.float16:
        eps = max(eps, HALF_EPS)
    mask = valid[:, None]
    pred = torch.where(mask, full_precision(pred), 0)
    target = torch.where(mask, full_precision(target), 0)
    pred, target = (unit_vectors(each, 1, eps) for each in (pred, target))
    cosine = (pred * target).sum(1)
    error = torch.where(valid, 1 - cosine, 0)  # (B, H, W)
    return error.sum() / valid.sum().clamp(min=1)


class _NormalLoss(nn.Module):
    """A weight and a name for a loss of normals."""

    def __init__(self, loss_weight: float, loss_name: str) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name


class NormalL1Loss(_NormalLoss):
    """Module form of :func:`normal_l1_loss`.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_l1'.
    """

    def __init__(self, loss_weight: float = 1.0, loss_name: str = 'loss_l1') -> None:
        super().__init__(loss_weight, loss_name)

    def forward(self, pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """A scalar; arguments as in :func:`normal_l1_loss`."""
        return self.loss_weight * normal_l1_loss(pred, target, valid)


class NormalCosineLoss(_NormalLoss):
    """Module form of :func:`normal_cosine_loss`.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_cosine'.
    """

    def __init__(self, loss_weight: float = 1.0, loss_name: str = 'loss_cosine') -> None:
        super().__init__(loss_weight, loss_name)

    def forward(self, pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """A scalar; arguments as in :func:`normal_cosine_loss`."""
        return self.loss_weight * normal_cosine_loss(pred, target, valid)
