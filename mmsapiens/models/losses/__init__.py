"""Losses: a pure function and a thin module in each file."""

from .hard_keypoint_mse_loss import (
    HardKeypointMSELoss,
    hard_keypoint_mse_loss,
)

__all__ = ['HardKeypointMSELoss', 'hard_keypoint_mse_loss']
