"""Hooks, optimization and launching; mmengine only."""

from .hooks import CheckpointGuardHook, ProgressHook
from .optim import AutocastOptimWrapper, LossGuard, ViTLayerDecayConstructor

__all__ = [
    'AutocastOptimWrapper',
    'CheckpointGuardHook',
    'LossGuard',
    'ProgressHook',
    'ViTLayerDecayConstructor',
]
