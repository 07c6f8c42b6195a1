"""Models for configs, hooks, optimization, strategies and launching; mmengine only."""

from .hooks import CheckpointGuardHook
from .models import Sapiens2ViT, SapiensViT
from .optim import LossGuard
from .strategies import StrategyRunner

__all__ = ['CheckpointGuardHook', 'LossGuard', 'Sapiens2ViT', 'SapiensViT', 'StrategyRunner']
