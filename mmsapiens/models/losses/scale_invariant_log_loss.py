"""Scale-invariant logarithmic loss of depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .precision import full_precision


def scale_invariant_log_loss(
    pred: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    *,
    variance_focus: float = 0.5,
    eps: float = 1e-6,
    clamped_slope: float = 0.0,
) -> Tensor:
    """Scale-invariant logarithmic loss of each sample.

    ``sqrt(mean(g^2) - variance_focus * mean(g)^2)``, ``g`` the difference of the logarithms, over
    the valid pixels whose target is above ``eps``. (So the nearest point of a relative depth map,
    0, has no logarithm and does not count.) Pixels with a NaN in the prediction are left out.

    Args:
        pred (Tensor): Depth (B, ...), of any sign.
        target (Tensor): Likewise, at most ``eps`` where there is no target.
        valid (Tensor, optional): Pixels to count, bool (B, ...). Defaults to None, all with a
            target.
        variance_focus (float): Weight of the squared mean; 1 makes the loss blind to a common
            factor. Defaults to 0.5.
        eps (float): Smallest target, and what predictions are raised to before the logarithm.
            Defaults to 1e-6.
        clamped_slope (float): Gradient of the logarithm where the prediction is at most ``eps``.
            With the 0 of the reference implementation these pixels learn nothing. Defaults to 0.

    Returns:
        Tensor: (B,), float32; 0 with zero gradient for a sample without valid pixels and for a
        perfect prediction.
    """
    pred = full_precision(pred).flatten(1)  # (B, N)
    target = full_precision(target).flatten(1)
    counted = (target > eps) & ~pred.isnan()  # (B, N)
    if valid is not None:
        counted = counted & valid.flatten(1)
    pred = torch.where(counted, pred, 1)
    log_pred = pred.clamp(min=eps).log()
    if clamped_slope:
        below = torch.where(pred <= eps, pred, 0)
        log_pred = log_pred + clamped_slope * (below - below.detach())
    error = torch.where(counted, target, 1).log() - log_pred
    count = counted.sum(dim=1).clamp(min=1)
    mean = error.sum(dim=1) / count
    spread = error.square().sum(dim=1) / count - variance_focus * mean**2
    # The root has no finite slope at 0.
    is_positive = spread > 0
    return torch.where(is_positive, torch.where(is_positive, spread, 1).sqrt(), 0)


class ScaleInvariantLogLoss(nn.Module):
    """Mean of :func:`scale_invariant_log_loss` over the samples.

    From `Depth Map Prediction from a Single Image <https://arxiv.org/abs/1406.2283>`_; the numbers
    are those of the Sapiens reference implementation.

    Args:
        eps (float): Smallest target and prediction. Defaults to 1e-6.
        clamped_slope (float): Gradient of the logarithm for predictions that
            are not positive; 0 is the reference implementation, where a head
            that starts with negative predictions never learns. Defaults to
            1.
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_silog'.

    Raises:
        ValueError: If ``eps`` is not positive or ``clamped_slope`` negative.
    """

    def __init__(
        self,
        eps: float = 1e-6,
        clamped_slope: float = 1.0,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_silog',
    ) -> None:
        super().__init__()
        if eps <= 0:
            raise ValueError(f'`eps` must be above 0, but got {eps}')
        if clamped_slope < 0:
            raise ValueError(f'`clamped_slope` must not be negative, but got {clamped_slope}')
        self.eps = eps
        self.clamped_slope = clamped_slope
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(self, pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """A scalar; arguments as in :func:`scale_invariant_log_loss`.

        A sample without valid pixels counts as 0 in the mean.
        """
        losses = scale_invariant_log_loss(
            pred, target, valid, eps=self.eps, clamped_slope=self.clamped_slope
        )
        return self.loss_weight * losses.mean()
