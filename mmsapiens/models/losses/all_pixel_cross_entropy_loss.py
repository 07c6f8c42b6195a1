"""Cross-entropy of class maps that may be divided by all pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .precision import full_precision

DIVISORS = ('pixels', 'valid_pixels', 'weights')


def all_pixel_cross_entropy_loss(
    pred: Tensor,
    target: Tensor,
    class_weight: Tensor | None = None,
    *,
    divisor: str = 'pixels',
    ignore_index: int = 255,
) -> Tensor:
    """Weighted cross-entropy, 0 at ignored pixels.

    Args:
        pred (Tensor): Logits (B, C, H, W).
        target (Tensor): Class ids (B, H, W), int64.
        class_weight (Tensor, optional): Weights of the classes (C,). Defaults to None, all 1.
        divisor (str): What the sum is divided by: 'pixels' B * H * W with the ignored ones, as in
            the reference implementation; 'valid_pixels' those that are not ignored; 'weights' the
            sum of the weights of the valid pixels, as in PyTorch. Defaults to 'pixels'.
        ignore_index (int): Label of ignored pixels. Defaults to 255.

    Returns:
        Tensor: A scalar, float32; 0 when no pixel is valid.
    """
    pred = full_precision(pred)
    weight = None if class_weight is None else class_weight.to(pred)
    loss_map = F.cross_entropy(
        pred, target, weight=weight, reduction='none', ignore_index=ignore_index
    )  # (B, H, W)
    if divisor == 'pixels':
        return loss_map.sum() / max(target.numel(), 1)
    counts = (target != ignore_index).to(pred)  # (B, H, W)
    if divisor == 'weights' and weight is not None:
        counts = counts * weight[target.clamp(0, pred.shape[1] - 1)]
    total = counts.sum()
    return loss_map.sum() / torch.where(total > 0, total, 1)


class AllPixelCrossEntropyLoss(nn.Module):
    """Module form of :func:`all_pixel_cross_entropy_loss`.

    Called like the losses of mmsegmentation. With class weights, these either divide by a number
    that is not known before or refuse.

    Args:
        class_weight (Sequence[float], optional): Weights of the classes. Defaults to None, all 1.
        divisor (str): 'pixels', 'valid_pixels' or 'weights'. Defaults to 'pixels'.
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_ce'.

    Raises:
        ValueError: If ``divisor`` is unknown or a weight is negative.
    """

    class_weight: Tensor | None

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        divisor: str = 'pixels',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
    ) -> None:
        super().__init__()
        if divisor not in DIVISORS:
            raise ValueError(f'`divisor` must be one of {DIVISORS}, but got {divisor!r}')
        if class_weight is not None and min(class_weight) < 0:
            raise ValueError(f'`class_weight` must not be negative, but got {tuple(class_weight)}')
        weight = None if class_weight is None else torch.tensor(class_weight)
        self.register_buffer(
            'class_weight', None if weight is None else weight.float(), persistent=False
        )
        self.divisor = divisor
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self, pred: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = 255
    ) -> Tensor:
        """The loss of logits (B, C, H, W) and class ids (B, H, W).

        Raises:
            ValueError: If there is not one class weight for each channel, or if a label is neither
                a class nor ``ignore_index``; also if weights of pixels are given, which are not
                supported.
        """
        if weight is not None:
            raise ValueError(
                'AllPixelCrossEntropyLoss takes no weights of pixels; leave '
                "`sampler` of the head out, or use stock 'CrossEntropyLoss'"
            )
        classes = pred.shape[1]
        weights = self.class_weight
        if weights is not None and len(weights) != classes:
            raise ValueError(
                f'`class_weight` must have one entry for each of the '
                f'{classes} classes, but got {len(weights)}'
            )
        return self.loss_weight * all_pixel_cross_entropy_loss(
            pred, target, weights, divisor=self.divisor, ignore_index=ignore_index
        )
