"""Masked autoencoder on SapiensViT."""

from .masked_patch_decoder import MaskedPatchDecoder
from .masked_sapiens_vit import MaskedSapiensViT, PatchMask
from .sapiens_mae import Reconstruction, SapiensMAE, wrap_blocks

__all__ = [
    'MaskedPatchDecoder',
    'MaskedSapiensViT',
    'PatchMask',
    'Reconstruction',
    'SapiensMAE',
    'wrap_blocks',
]
