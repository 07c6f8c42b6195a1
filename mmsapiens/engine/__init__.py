"""Models for configs, hooks, optimization, strategies and launching; mmengine only."""

from .hooks import CheckpointGuardHook
from .models import SapiensViT
from .optim import LossGuard
from .strategies import StrategyRunner

__all__ = ['CheckpointGuardHook', 'LossGuard', 'SapiensViT', 'StrategyRunner']
