"""Hooks, optimization, strategies and launching; mmengine only."""

from .hooks import (
    CheckpointGuardHook,
    ProgressHook,
    ResumeDataHook,
    SafeCheckpointHook,
    StepSeedHook,
)
from .optim import AutocastOptimWrapper, LossGuard, ViTLayerDecayConstructor
from .strategies import ShardedFSDPStrategy, StrategyRunner

__all__ = [
    'AutocastOptimWrapper',
    'CheckpointGuardHook',
    'LossGuard',
    'ProgressHook',
    'ResumeDataHook',
    'SafeCheckpointHook',
    'ShardedFSDPStrategy',
    'StepSeedHook',
    'StrategyRunner',
    'ViTLayerDecayConstructor',
]
