"""Training over many processes."""

from .sharded_fsdp_strategy import ShardedFSDPStrategy
from .strategy_runner import StrategyRunner

__all__ = ['ShardedFSDPStrategy', 'StrategyRunner']
