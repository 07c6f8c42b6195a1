"""Hooks, optimization and launching; mmengine only."""

from .hooks import (
    CheckpointGuardHook,
    ProgressHook,
    ResumeDataHook,
    SafeCheckpointHook,
    StepSeedHook,
)
from .optim import AutocastOptimWrapper, LossGuard, ViTLayerDecayConstructor

__all__ = [
    'AutocastOptimWrapper',
    'CheckpointGuardHook',
    'LossGuard',
    'ProgressHook',
    'ResumeDataHook',
    'SafeCheckpointHook',
    'StepSeedHook',
    'ViTLayerDecayConstructor',
]
