"""Encoders, layers and losses; torch is all they need."""

from .archs import SAPIENS_ARCHS, get_arch
from .backbones import SapiensViT
from .losses import (
    AllPixelCrossEntropyLoss,
    HardKeypointMSELoss,
    NormalCosineLoss,
    NormalL1Loss,
    ScaleInvariantLogLoss,
    all_pixel_cross_entropy_loss,
    hard_keypoint_mse_loss,
    normal_cosine_loss,
    normal_l1_loss,
    scale_invariant_log_loss,
)

__all__ = [
    'SAPIENS_ARCHS',
    'AllPixelCrossEntropyLoss',
    'HardKeypointMSELoss',
    'NormalCosineLoss',
    'NormalL1Loss',
    'SapiensViT',
    'ScaleInvariantLogLoss',
    'all_pixel_cross_entropy_loss',
    'get_arch',
    'hard_keypoint_mse_loss',
    'normal_cosine_loss',
    'normal_l1_loss',
    'scale_invariant_log_loss',
]
