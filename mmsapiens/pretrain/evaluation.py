"""How well a masked autoencoder predicts, and what a constant would reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .models import SapiensMAE


@dataclass(frozen=True)
class ReconstructionErrors:
    """Mean squared errors over the masked patches, in units of the targets.

    Attributes:
        model (float): Of the predictions; the training loss, if that is L2.
        mean_patch (float): Of one patch predicted everywhere, the mean of all targets measured. No
            constant is better.
        num_patches (int): Masked patches measured.
    """

    model: float
    mean_patch: float
    num_patches: int

    @property
    def explained(self) -> float:
        """Share of the targets' variance that the model predicts."""
        return 1 - self.model / self.mean_patch


@torch.no_grad()
def measure_reconstruction(
    model: SapiensMAE, batches: Iterable[Tensor], mask_ratio: float | None = None, seed: int = 0
) -> ReconstructionErrors:
    """Measure a model on images.

    Letters: B batch, L patches, P numbers of a patch, M masked patches.

    Args:
        model (SapiensMAE): In the mode in which it is to be measured.
        batches (Iterable[Tensor]): RGB, normalized, (B, 3, H, W).
        mask_ratio (float, optional): Defaults to that of the model.
        seed (int): Of the masks. Defaults to 0.

    Returns:
        ReconstructionErrors: Of all images together.

    Raises:
        ValueError: If there is no image.
    """
    generator = torch.Generator().manual_seed(seed)
    total: Tensor | float = 0.0
    squares, error, count, size = 0.0, 0.0, 0, 1
    for inputs in batches:
        noise = torch.rand(len(inputs), model.backbone.num_patches, generator=generator)
        latent, binary, ids_restore = model.backbone(inputs, noise=noise, mask_ratio=mask_ratio)
        masked = binary > 0  # (B, L)
        pred = model.neck(latent, ids_restore)[masked].double()  # (M, P)
        target = model.head.construct_target(inputs)[masked].double()
        total = total + target.sum(dim=0)
        squares += float(target.square().sum())
        error += float((pred - target).square().sum())
        count, size = count + len(target), target.shape[1]
    if not isinstance(total, Tensor):
        raise ValueError('`batches` must hold an image at least, but is empty')
    constant = squares - float(total.square().sum()) / count
    return ReconstructionErrors(
        model=error / count / size, mean_patch=constant / count / size, num_patches=count
    )
