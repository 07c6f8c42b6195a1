"""Masked autoencoder pretraining."""

from typing import Any

import torch
from mmpretrain.models import MAE
from mmpretrain.structures import DataSample
from torch import Tensor

from ...models.layers import compile_blocks as compile_all
from ...registry import MODELS
from ...visualization.reconstruction import Reconstruction
from .masked_patch_decoder import MaskedPatchDecoder
from .masked_sapiens_vit import MaskedSapiensViT, gather_patches


def patch_statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of patches (..., P), and root of their unbiased variance plus 1e-6, each (..., 1)."""
    var, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return mean, (var + 1e-6).sqrt()


@MODELS.register_module()
class SapiensMAE(MAE):
    """Masked autoencoder of `Sapiens <https://arxiv.org/abs/2408.12569>`_.

    The numbers are those of the stock class, `MAE <https://arxiv.org/abs/2111.06377>`_; with
    :class:`MaskedPatchDecoder` as the neck, predictions and targets are computed for masked patches
    only.

    Args:
        backbone (dict): Config of :class:`MaskedSapiensViT`, square images.
        neck (dict): Config of :class:`MaskedPatchDecoder` or of the stock ``MAEPretrainDecoder``.
        head (dict): Config of the stock ``MAEPretrainHead``; its ``norm_pix`` says whether targets
            are normalized.
        compile_blocks (bool | dict): Whether to compile the transformer blocks, each by itself; or
            arguments of ``torch.compile``. Defaults to False.
        **kwargs: Other arguments of ``mmpretrain.models.MAE``.

    Raises:
        TypeError: If the backbone is of another class.
        ValueError: If the parts do not fit together.
    """

    backbone: MaskedSapiensViT

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        compile_blocks: bool | dict = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        if not isinstance(self.backbone, MaskedSapiensViT):
            raise TypeError(
                f'`backbone` must be a MaskedSapiensViT, but got {type(self.backbone).__name__}'
            )
        rows, columns = self.backbone.patch_grid
        if rows != columns:
            raise ValueError(
                f'`img_size` must be square for the stock head, but got {self.backbone.img_size}'
            )
        size, pixels = self.backbone.patch_embed.patch_size, self.neck.decoder_pred.out_features
        pairs = {
            'neck.num_patches': (self.neck.num_patches, self.backbone.num_patches),
            'neck.embed_dim': (self.neck.decoder_embed.in_features, self.backbone.embed_dims),
            'neck.patch_size ** 2 * neck.in_chans': (pixels, 3 * size**2),
            'head.patch_size': (self.head.patch_size, size),
        }
        for name, (actual, expected) in pairs.items():
            if actual != expected:
                raise ValueError(f'`{name}` must be {expected} for this backbone, but got {actual}')
        if compile_blocks is not False:
            compile_all(self, **({} if compile_blocks is True else compile_blocks))

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
        **kwargs: Any,
    ) -> Any:
        """The entry for everything, which wrappers use: RGB images, normalized, (B, 3, H, W).

        ``mode`` is 'tensor' (features), 'loss' or 'reconstruct'; ``kwargs`` are those of
        :meth:`MaskedSapiensViT.draw_mask`.
        """
        if mode == 'reconstruct':
            return self.reconstruct(inputs, **kwargs)
        if mode == 'loss':
            return self.loss(inputs, data_samples, **kwargs)
        return super().forward(inputs, data_samples, mode)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Features of whole images (B, 3, H, W), see :class:`mmsapiens.models.SapiensViT`."""
        return self.backbone(inputs, mask=False)

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample] | None, **kwargs: Any
    ) -> dict[str, Tensor]:
        """The reconstruction loss of masked patches, a scalar ``loss``."""
        mask = self.backbone.draw_mask(len(inputs), inputs.device, **kwargs)
        latent, binary, ids_restore = self.backbone(inputs, mask=mask)
        if not isinstance(self.neck, MaskedPatchDecoder):
            pred = self.neck(latent, ids_restore)  # (B, L, P)
            return dict(loss=self.head.loss(pred, inputs, binary))
        pred = self.neck.predict_masked(latent, mask)  # (B, M, P)
        with torch.no_grad():
            target = gather_patches(inputs, mask.ids_masked, self.head.patch_size, True)
            if self.head.norm_pix:
                mean, scale = patch_statistics(target)
                target = (target - mean) / scale
        everywhere = target.new_ones(target.shape[:2])  # (B, M)
        return dict(loss=self.head.loss_module(pred.float(), target, everywhere))

    @torch.no_grad()
    def reconstruct(self, inputs: Tensor, **kwargs: Any) -> Reconstruction:
        """Mask and predict images; normalized targets with the original patches' statistics."""
        latent, mask, ids_restore = self.backbone(inputs, **kwargs)
        pred = self.neck(latent, ids_restore).float()  # (B, L, P)
        if self.head.norm_pix:
            mean, scale = patch_statistics(self.head.patchify(inputs))
            pred = pred * scale + mean
        pixels = self.head.unpatchify(mask[:, :, None].expand_as(pred))
        return Reconstruction(inputs, self.head.unpatchify(pred), pixels[:, :1])
