"""Evaluation of poses."""

from .oks import evaluate_oks
from .wholebody_metric import WholeBodyMetric

__all__ = ['WholeBodyMetric', 'evaluate_oks']
