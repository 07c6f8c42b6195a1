"""Hooks."""

from .atomic_local_backend import AtomicLocalBackend
from .checkpoint_guard_hook import CheckpointGuardHook
from .compile_blocks_hook import CompileBlocksHook
from .progress_hook import ProgressHook
from .resume_data_hook import ResumeDataHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .step_seed_hook import StepSeedHook

__all__ = [
    'AtomicLocalBackend',
    'CheckpointGuardHook',
    'CompileBlocksHook',
    'ProgressHook',
    'ResumeDataHook',
    'SafeCheckpointHook',
    'StepSeedHook',
]
