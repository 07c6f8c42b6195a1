"""Models for configs, hooks, optimization, strategies and launching; mmengine only."""

# ruff: noqa: F401
from .hooks import CheckpointGuardHook
from .models import Sapiens2ViT, SapiensViT
from .multi_task import MultiTaskModel, combine_tasks
from .optim import LossGuard
from .strategies import StrategyRunner
