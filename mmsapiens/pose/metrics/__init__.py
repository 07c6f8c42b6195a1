"""Evaluation of poses."""

from ...evaluation.oks import evaluate_oks
from .converting_coco_metric import ConvertingCocoMetric
from .wholebody_metric import WholeBodyMetric

__all__ = ['ConvertingCocoMetric', 'WholeBodyMetric', 'evaluate_oks']
