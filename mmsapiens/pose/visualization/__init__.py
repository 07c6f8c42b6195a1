"""Visualizers of poses."""

from .grouped_pose_visualizer import GroupedPoseVisualizer

__all__ = ['GroupedPoseVisualizer']
