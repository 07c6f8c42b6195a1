"""Hooks."""

from .checkpoint_hooks import CheckpointGuardHook, SafeCheckpointHook
from .data_hooks import DataCheckHook, ResumeDataHook, StepSeedHook, leaf_datasets
from .training_hooks import CompileBlocksHook, ProgressHook

__all__ = [
    'CheckpointGuardHook',
    'CompileBlocksHook',
    'DataCheckHook',
    'ProgressHook',
    'ResumeDataHook',
    'SafeCheckpointHook',
    'StepSeedHook',
    'leaf_datasets',
]
