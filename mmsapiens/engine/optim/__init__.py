"""Optimizer wrappers and their constructors."""

from .autocast_optim_wrapper import AutocastOptimWrapper
from .layer_decay import ViTLayerDecayConstructor
from .loss_guard import LossGuard

__all__ = ['AutocastOptimWrapper', 'LossGuard', 'ViTLayerDecayConstructor']
