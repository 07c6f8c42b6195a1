"""Hooks."""
from .checkpoint_guard_hook import CheckpointGuardHook

__all__ = ['CheckpointGuardHook']
