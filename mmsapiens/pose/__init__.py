"""Pose estimation; needs mmpose."""

from .. import engine, models, transforms  # noqa: F401
from ..registry import list_in_host
from .codecs import KEYPOINT_CODECS, BatchedUDPHeatmap
from .datasets import (
    CheckedCocoDataset,
    CheckedCocoWholeBodyDataset,
    CombinedVocabularyDataset,
    Goliath308Dataset,
)
from .heads import InstanceNormHeatmapHead
from .hooks import PoseDataCheckHook
from .metrics import CheckedCocoMetric, ConvertingCocoMetric, WholeBodyMetric
from .transforms import ConvertVocabulary, PoseTableDistortion, RequireVisibleKeypoints
from .visualization import GroupedPoseVisualizer

__all__ = [
    'BatchedUDPHeatmap',
    'CheckedCocoDataset',
    'CheckedCocoMetric',
    'CheckedCocoWholeBodyDataset',
    'CombinedVocabularyDataset',
    'ConvertVocabulary',
    'ConvertingCocoMetric',
    'Goliath308Dataset',
    'GroupedPoseVisualizer',
    'InstanceNormHeatmapHead',
    'PoseDataCheckHook',
    'PoseTableDistortion',
    'RequireVisibleKeypoints',
    'WholeBodyMetric',
]

list_in_host(__name__, KEYPOINT_CODECS=KEYPOINT_CODECS)
