"""Optimizer wrappers and their constructors."""

# ruff: noqa: F401
from .autocast_optim_wrapper import AutocastOptimWrapper
from .layer_decay import ViTLayerDecayConstructor
from .loss_guard import LossGuard
