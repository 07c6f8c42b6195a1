"""Parsing, depth and normals; needs mmsegmentation."""

from .. import engine, models, transforms  # noqa: F401
from ..registry import list_in_host
from ..structures.fields import FIELDS, Field, add_field, get_field
from .data_preprocessor import DenseDataPreprocessor
from .datasets import (
    BodyParts28Dataset,
    CIHPDataset,
    DenseFolderDataset,
    Hi4DDataset,
    LIPPartsDataset,
    THuman2Dataset,
)
from .estimator import DenseEstimator
from .heads import DenseHead, DepthHead, NormalHead, ParsingHead
from .hooks import DenseDataCheckHook, DensePanelHook
from .metrics import ExactIoUMetric, NormalAngleMetric, RelativeDepthMetric
from .transforms import (
    GenerateDepthTarget,
    GenerateNormalTarget,
    LoadDenseTarget,
    PackDenseInputs,
    RandomBackground,
    RandomCropFields,
    RandomFlipFields,
    RandomRotateFields,
    ResizeFields,
)
from .visualization import DenseVisualizer

__all__ = [
    'FIELDS',
    'BodyParts28Dataset',
    'CIHPDataset',
    'DenseDataCheckHook',
    'DenseDataPreprocessor',
    'DenseEstimator',
    'DenseFolderDataset',
    'DenseHead',
    'DensePanelHook',
    'DenseVisualizer',
    'DepthHead',
    'ExactIoUMetric',
    'Field',
    'GenerateDepthTarget',
    'GenerateNormalTarget',
    'Hi4DDataset',
    'LIPPartsDataset',
    'LoadDenseTarget',
    'NormalAngleMetric',
    'NormalHead',
    'PackDenseInputs',
    'ParsingHead',
    'RandomBackground',
    'RandomCropFields',
    'RandomFlipFields',
    'RandomRotateFields',
    'RelativeDepthMetric',
    'ResizeFields',
    'THuman2Dataset',
    'add_field',
    'get_field',
]

list_in_host(__name__)
