"""Hooks for pose estimation."""

from .pose_data_check_hook import PoseDataCheckHook

__all__ = ['PoseDataCheckHook']
