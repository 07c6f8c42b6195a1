"""Parsing, depth and normals; needs mmsegmentation."""

# ruff: noqa: F401
from .. import engine, models, transforms
from ..registry import list_in_host
from ..structures.fields import FIELDS, Field, add_field, get_field
from .data_preprocessor import DenseDataPreprocessor
from .datasets import (
    AlbedoDataset,
    ATRDataset,
    BodyParts28Dataset,
    BodyParts29Dataset,
    CIHPDataset,
    DenseFolderDataset,
    Hi4DDataset,
    LIPPartsDataset,
    MattingDataset,
    PointMapDataset,
    THuman2Dataset,
)
from .estimator import DenseEstimator
from .heads import DenseHead, DepthHead, NormalHead, ParsingHead
from .hooks import DenseDataCheckHook, DensePanelHook
from .map_errors import MapErrorMetric
from .metrics import ExactIoUMetric, NormalAngleMetric, RelativeDepthMetric
from .shuffle_heads import AlbedoHead, MattingHead, PixelShuffleNormalHead, PointMapHead
from .transforms import (
    FitAndPadFields,
    GenerateAlbedoTarget,
    GenerateDepthTarget,
    GenerateNormalTarget,
    GeneratePointTarget,
    LoadCamera,
    LoadDenseTarget,
    LoadMatte,
    PackDenseInputs,
    RandomBackground,
    RandomCropFields,
    RandomDegradation,
    RandomFlipFields,
    RandomRotateFields,
    RejectSamples,
    ResizeFields,
)
from .visualization import DenseVisualizer

list_in_host(__name__)
