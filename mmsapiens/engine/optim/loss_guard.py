"""Telling outliers among training losses, and broken gradients."""

import math
from collections.abc import Iterable, Sequence

import torch
from mmengine.dist import all_reduce
from torch import Tensor


def _are_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Whether all numbers are finite, a scalar. Sums of squares tell it ten times as fast as maxima
    on a CPU, but may be infinite where no number is."""
    finite = torch.ones((), dtype=torch.bool, device=tensors[0].device)
    for order in (2.0, math.inf):
        norms = torch._foreach_norm(tensors, order)
        finite = torch.stack([norm.float() for norm in norms]).isfinite().all()
        if finite:
            break
    return finite


class LossGuard:
    """Rejects losses that are not finite or far above the recent ones.

    The reference implementation compares with the last accepted loss (``momentum=1``), each process
    for itself. One very small loss then rejects all that follow; a running mean, and one decision
    for all processes, avoid this.

    Args:
        factor (float): A loss above this times the reference value is rejected. Defaults to 25.
        momentum (float): Weight of the newest accepted loss in that, in (0, 1]. Defaults to 0.1.
        max_rejected (int, optional): More rejections than these in a run, restarts included, stop
            it. Defaults to None, no limit.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, factor: float = 25.0, momentum: float = 0.1, max_rejected: int | None = None
    ) -> None:
        if factor <= 1:
            raise ValueError(f'`factor` must be above 1, but got {factor}')
        if not 0 < momentum <= 1:
            raise ValueError(f'`momentum` must be in (0, 1], but got {momentum}')
        if max_rejected is not None and max_rejected < 0:
            raise ValueError(f'`max_rejected` must be at least 0, but got {max_rejected}')
        self.factor, self.momentum, self.max_rejected = factor, momentum, max_rejected
        self.reference: float | None = None
        self.num_rejected = 0

    def accepts(self, loss: Tensor) -> bool:
        """Judge the largest loss of all processes; RuntimeError for one rejection too many."""
        # all_reduce works in place; NaN would vanish in a maximum.
        largest = loss.detach().float().clone()
        largest = torch.where(largest.isfinite(), largest, math.inf)
        all_reduce(largest, 'max')
        value = float(largest)
        limit = math.inf
        if self.reference is not None and self.reference > 0:
            limit = self.factor * self.reference
        if not math.isfinite(value) or value > limit:
            self._reject(f'a loss of {value:g}, accepted up to {limit:g}')
            return False
        if self.reference is None:
            self.reference = value
        self.reference += self.momentum * (value - self.reference)
        return True

    def accepts_gradients(self, gradients: Iterable[Tensor]) -> bool:
        """Judge all gradients of this process, or its shards; otherwise as :meth:`accepts`."""
        grads = list(gradients)
        broken = 1 - _are_finite(grads).float() if grads else torch.zeros(())
        all_reduce(broken, 'max')
        if float(broken) == 0:
            return True
        self._reject('gradients that are not finite')
        return False

    def _reject(self, what: str) -> None:
        self.num_rejected += 1
        limit = self.max_rejected
        if limit is not None and self.num_rejected > limit:
            raise RuntimeError(
                f'{self.num_rejected} steps were rejected, the last one for {what}; `max_rejected` '
                f'of `loss_guard` allows {limit}. Look at the loss curve and the data; resume from '
                'an earlier checkpoint with a lower learning rate.'
            )

    def state_dict(self) -> dict:
        return dict(reference=self.reference, num_rejected=self.num_rejected)

    def load_state_dict(self, state_dict: dict) -> None:
        self.reference = state_dict['reference']
        self.num_rejected = state_dict['num_rejected']
