"""Training accuracy of heatmaps, on their device."""

from __future__ import annotations

import torch
from torch import Tensor

THRESHOLD = 0.05
"""Largest distance of a hit, as a share of the map."""


def heatmap_accuracy(pred: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Share of keypoints whose maximum is where that of the target is.

    The number of stock ``pose_pck_accuracy``, which copies the maps to the CPU: a hit is nearer
    than 0.05, x measured in heights and y in widths of the map; the mean over people for each
    keypoint, then over the keypoints that are labelled at all.

    Args:
        pred (Tensor): Heatmaps (B, K, H, W).
        target (Tensor): Likewise.
        weights (Tensor): Keypoint weights (B, K); 0 is not labelled.

    Returns:
        Tensor: A scalar in [0, 1]; 0 if no keypoint is labelled.
    """
    height, width = pred.shape[2:]
    distance = _peaks(pred) - _peaks(target)  # (B, K, 2)
    distance = distance / distance.new_tensor([height, width])
    labelled = weights > 0
    hits = (distance.norm(dim=2) < THRESHOLD) & labelled
    people = labelled.sum(dim=0)  # (K,)
    share = hits.sum(dim=0) / people.clamp(min=1)
    return share.sum() / (people > 0).sum().clamp(min=1)


def _peaks(heatmaps: Tensor) -> Tensor:
    """Column and row of each maximum (B, K, 2); -1 where it is not > 0."""
    value, index = heatmaps.detach().flatten(2).max(dim=2)
    width = heatmaps.shape[3]
    points = torch.stack([index % width, index // width], dim=2)
    return torch.where((value > 0)[..., None], points, -1).float()
