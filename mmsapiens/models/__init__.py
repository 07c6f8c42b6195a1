"""Models that every host can use; they need torch and mmengine only."""

from .backbones import SAPIENS_ARCHS, SapiensViT, get_arch
from .losses import HardKeypointMSELoss, hard_keypoint_mse_loss

__all__ = [
    'SAPIENS_ARCHS',
    'HardKeypointMSELoss',
    'SapiensViT',
    'get_arch',
    'hard_keypoint_mse_loss',
]
