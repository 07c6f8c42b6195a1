"""Hooks."""

# ruff: noqa: F401
from .checkpoint_hooks import CheckpointGuardHook, SafeCheckpointHook
from .data_hooks import DataCheckHook, ResumeDataHook, StepSeedHook, leaf_datasets
from .training_hooks import CompileBlocksHook, ProgressHook
