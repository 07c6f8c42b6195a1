"""Mean squared error of the hardest keypoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def hard_keypoint_mse_loss(
    pred: Tensor, target: Tensor, weights: Tensor | None, topk: int
) -> Tensor:
    """Mean squared error of the ``topk`` worst keypoints of each person.

    Prediction and target are multiplied by the weight before squaring. The gradient is 0 for all
    other keypoints, and only the chosen maps take part in the backward pass.

    Args:
        pred (Tensor): Heatmaps (B, K, H, W).
        target (Tensor): Likewise.
        weights (Tensor, optional): Keypoint weights (B, K); 1 if None.
        topk (int): Keypoints that count, at most K.

    Returns:
        Tensor: A scalar: the mean over pixels, over ``topk`` and over B.
    """
    batch, count = pred.shape[:2]
    flat_pred, flat_target = pred.flatten(0, 1), target.flatten(0, 1)
    with torch.no_grad():
        error = (pred - target).square().flatten(2).mean(dim=2)  # (B, K)
        if weights is not None:
            error = error * weights.square()
        first = torch.arange(batch, device=pred.device)[:, None] * count
        chosen = (error.topk(topk, dim=1).indices + first).flatten()
    hard = flat_pred.index_select(0, chosen)
    hard = hard - flat_target.index_select(0, chosen)  # (B * topk, H, W)
    losses = hard.square().flatten(1).mean(dim=1)
    if weights is not None:
        losses = losses * weights.flatten().index_select(0, chosen).square()
    return losses.mean()


class HardKeypointMSELoss(nn.Module):
    """Module form of :func:`hard_keypoint_mse_loss`.

    The numbers are those of stock ``KeypointOHKMMSELoss`` (`online hard keypoint mining
    <https://arxiv.org/abs/1711.07319>`_), without its loop over keypoints, each of which copies the
    whole gradient.

    Args:
        use_target_weight (bool): Whether keypoint weights count. Defaults to True.
        topk (int): Keypoints of each person that count. Defaults to 8.
        loss_weight (float): Factor of the loss. Defaults to 1.

    Raises:
        ValueError: If ``topk`` is not positive.
    """

    def __init__(
        self, use_target_weight: bool = True, topk: int = 8, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if topk < 1:
            raise ValueError(f'`topk` must be positive, but got {topk}')
        self.use_target_weight = use_target_weight
        self.topk = topk
        self.loss_weight = loss_weight

    def forward(
        self, output: Tensor, target: Tensor, target_weights: Tensor | None = None
    ) -> Tensor:
        """Loss of heatmaps.

        ``output`` and ``target`` are (B, K, H, W), ``target_weights`` (B, K).
        """
        if self.topk > output.shape[1]:
            raise ValueError(
                f'`topk` must be at most the number of keypoints, '
                f'{output.shape[1]}, but got {self.topk}'
            )
        if not self.use_target_weight:
            target_weights = None
        elif target_weights is None:
            raise ValueError('`target_weights` are needed with `use_target_weight=True`')
        loss = hard_keypoint_mse_loss(output, target, target_weights, self.topk)
        return loss * self.loss_weight
