"""Encoders, heads and losses; torch is all they need."""

from .archs import SAPIENS_ARCHS, get_arch
from .losses import (
    AllPixelCrossEntropyLoss,
    HardKeypointMSELoss,
    NormalCosineLoss,
    NormalL1Loss,
    ScaleInvariantLogLoss,
)
from .sapiens_vit import SapiensViT

__all__ = [
    'SAPIENS_ARCHS',
    'AllPixelCrossEntropyLoss',
    'HardKeypointMSELoss',
    'NormalCosineLoss',
    'NormalL1Loss',
    'SapiensViT',
    'ScaleInvariantLogLoss',
    'get_arch',
]
