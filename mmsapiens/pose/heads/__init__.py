"""Heads of pose estimators."""

from .instance_norm_heatmap_head import InstanceNormHeatmapHead

__all__ = ['InstanceNormHeatmapHead']
