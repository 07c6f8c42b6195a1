"""Heads of the dense tasks, on one trunk."""

from .dense_head import DenseHead
from .depth_head import DepthHead
from .normal_head import NormalHead
from .parsing_head import ParsingHead

__all__ = ['DenseHead', 'DepthHead', 'NormalHead', 'ParsingHead']
