"""Models for configs, hooks, optimization, strategies and launching; mmengine only."""

from .hooks import (
    CheckpointGuardHook,
    ProgressHook,
    ResumeDataHook,
    SafeCheckpointHook,
    StepSeedHook,
)
from .models import SapiensViT
from .optim import AutocastOptimWrapper, LossGuard, ViTLayerDecayConstructor
from .strategies import ShardedFSDPStrategy, StrategyRunner

__all__ = [
    'AutocastOptimWrapper',
    'CheckpointGuardHook',
    'LossGuard',
    'ProgressHook',
    'ResumeDataHook',
    'SafeCheckpointHook',
    'SapiensViT',
    'ShardedFSDPStrategy',
    'StepSeedHook',
    'StrategyRunner',
    'ViTLayerDecayConstructor',
]
