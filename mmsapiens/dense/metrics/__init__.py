"""Evaluation of dense tasks, with equal figures for any number of ranks."""

from .exact_iou_metric import ExactIoUMetric
from .normal_angle_metric import NormalAngleMetric
from .relative_depth_metric import RelativeDepthMetric

__all__ = ['ExactIoUMetric', 'NormalAngleMetric', 'RelativeDepthMetric']
