"""Hooks."""

from .checkpoint_hooks import CheckpointGuardHook, SafeCheckpointHook
from .compile_blocks_hook import CompileBlocksHook
from .progress_hook import ProgressHook
from .resume_data_hook import ResumeDataHook
from .step_seed_hook import StepSeedHook

__all__ = [
    'CheckpointGuardHook',
    'CompileBlocksHook',
    'ProgressHook',
    'ResumeDataHook',
    'SafeCheckpointHook',
    'StepSeedHook',
]
