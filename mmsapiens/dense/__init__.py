"""Parsing, depth and normals; needs mmsegmentation."""

from .. import engine, models, transforms  # noqa: F401
from ..hosts import list_in_host
from .data_preprocessor import DenseDataPreprocessor
from .estimator import DenseEstimator
from .fields import FIELDS, Field, add_field, get_field
from .heads import DenseHead, DepthHead, NormalHead, ParsingHead
from .metrics import (
    ExactIoUMetric,
    NormalAngleMetric,
    RelativeDepthMetric,
)

__all__ = [
    'FIELDS',
    'DenseDataPreprocessor',
    'DenseEstimator',
    'DenseHead',
    'DepthHead',
    'ExactIoUMetric',
    'Field',
    'NormalAngleMetric',
    'NormalHead',
    'ParsingHead',
    'RelativeDepthMetric',
    'add_field',
    'get_field',
]

list_in_host(__name__)
