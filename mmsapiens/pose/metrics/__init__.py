"""Evaluation of poses."""

from .converting_coco_metric import ConvertingCocoMetric
from .oks import evaluate_oks
from .wholebody_metric import WholeBodyMetric

__all__ = ['ConvertingCocoMetric', 'WholeBodyMetric', 'evaluate_oks']
