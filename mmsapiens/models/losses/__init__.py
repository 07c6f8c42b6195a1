"""Losses: pure functions and thin modules."""

from .all_pixel_cross_entropy_loss import AllPixelCrossEntropyLoss, all_pixel_cross_entropy_loss
from .hard_keypoint_mse_loss import HardKeypointMSELoss, hard_keypoint_mse_loss
from .normal_losses import NormalCosineLoss, NormalL1Loss, normal_cosine_loss, normal_l1_loss
from .scale_invariant_log_loss import ScaleInvariantLogLoss, scale_invariant_log_loss

__all__ = [
    'AllPixelCrossEntropyLoss',
    'HardKeypointMSELoss',
    'NormalCosineLoss',
    'NormalL1Loss',
    'ScaleInvariantLogLoss',
    'all_pixel_cross_entropy_loss',
    'hard_keypoint_mse_loss',
    'normal_cosine_loss',
    'normal_l1_loss',
    'scale_invariant_log_loss',
]
