"""Hooks."""

from .checkpoint_guard_hook import CheckpointGuardHook
from .progress_hook import ProgressHook

__all__ = ['CheckpointGuardHook', 'ProgressHook']
