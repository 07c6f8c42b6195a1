"""Encoders, heads and losses; torch is all they need."""

from .archs import SAPIENS2_ARCHS, SAPIENS_ARCHS, get_arch
from .losses import (
    AllPixelCrossEntropyLoss,
    HardKeypointMSELoss,
    NormalCosineLoss,
    NormalL1Loss,
    ScaleInvariantLogLoss,
)
from .sapiens2_vit import Sapiens2ViT
from .sapiens_vit import SapiensViT

__all__ = [
    'SAPIENS2_ARCHS',
    'SAPIENS_ARCHS',
    'AllPixelCrossEntropyLoss',
    'HardKeypointMSELoss',
    'NormalCosineLoss',
    'NormalL1Loss',
    'Sapiens2ViT',
    'SapiensViT',
    'ScaleInvariantLogLoss',
    'get_arch',
]
