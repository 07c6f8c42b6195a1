"""A compiled network that always sees batches of one size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FixedBatch(nn.Module):
    """Fill a smaller batch up with zeros, so that nothing is compiled again.

    The reference's small demos do the same.

    Args:
        module (nn.Module): From (B, 3, H, W) to tensors (B, ...).
        batch_size (int): Largest B.
    """

    def __init__(self, module: nn.Module, batch_size: int) -> None:
        super().__init__()
        self.module = module
        self.batch_size = batch_size
        self.compiled = torch.compile(module, dynamic=False)

    def forward(self, img: Tensor) -> tuple[Tensor, ...]:
        """Outputs of the module for a batch (B, 3, H, W)."""
        count = len(img)
        missing = max(0, self.batch_size - count)
        img = F.pad(img, (0, 0, 0, 0, 0, 0, 0, missing))
        return tuple(output[:count] for output in self.compiled(img))
