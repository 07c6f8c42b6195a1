"""Telling outliers among training losses."""

from __future__ import annotations

import math

import torch
from mmengine.dist import all_reduce
from torch import Tensor


class LossGuard:
    """Rejects losses that are not finite or far above the recent ones.

    The reference implementation compares with the last accepted loss, each
    process for itself (``momentum=1``). One very small loss then rejects all
    that follow; a running mean, and one decision for all processes, avoid
    this.

    Args:
        factor (float): A loss above ``factor`` times the reference value is
            rejected. Defaults to 25.
        momentum (float): Weight of the newest accepted loss in the
            reference value, in (0, 1]. Defaults to 0.1.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, factor: float = 25.0, momentum: float = 0.1) -> None:
        if factor <= 1:
            raise ValueError(f'`factor` must be above 1, but got {factor}')
        if not 0 < momentum <= 1:
            raise ValueError(
                f'`momentum` must be in (0, 1], but got {momentum}'
            )
        self.factor = factor
        self.momentum = momentum
        self.reference: float | None = None
        self.num_rejected = 0

    def accepts(self, loss: Tensor) -> bool:
        """Judge a loss and take note of it.

        Args:
            loss (Tensor): A scalar; the largest over all processes counts.

        Returns:
            bool: Whether to train on it, the same on every process.
        """
        # all_reduce works in place; NaN would vanish in a maximum.
        largest = loss.detach().float().clone()
        largest = torch.where(largest.isfinite(), largest, math.inf)
        all_reduce(largest, 'max')
        value = float(largest)
        limit = math.inf
        if self.reference is not None and self.reference > 0:
            limit = self.factor * self.reference
        if not math.isfinite(value) or value > limit:
            self.num_rejected += 1
            return False
        if self.reference is None:
            self.reference = value
        self.reference += self.momentum * (value - self.reference)
        return True

    def state_dict(self) -> dict:
        """What a resumed run needs."""
        return dict(reference=self.reference, num_rejected=self.num_rejected)

    def load_state_dict(self, state_dict: dict) -> None:
        """Continue from :meth:`state_dict`."""
        self.reference = state_dict['reference']
        self.num_rejected = state_dict['num_rejected']
