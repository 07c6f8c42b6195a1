"""Measures on arrays; the metrics of hosts call them."""

from .oks import evaluate_oks

__all__ = ['evaluate_oks']
