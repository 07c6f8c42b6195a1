"""Masked autoencoder on SapiensViT."""

# ruff: noqa: F401
from ...engine.strategies import wrap_blocks
from .masked_patch_decoder import MaskedPatchDecoder
from .masked_sapiens_vit import MaskedSapiensViT, PatchMask
from .sapiens_mae import Reconstruction, SapiensMAE
