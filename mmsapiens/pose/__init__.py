"""Pose estimation; needs mmpose."""

from .. import engine, models, transforms  # noqa: F401
from ..registry import list_in_host
from .codecs import BatchedUDPHeatmap
from .datasets import (
    CheckedCocoDataset,
    CheckedCocoWholeBodyDataset,
    CombinedVocabularyDataset,
    Goliath308Dataset,
)
from .heads import InstanceNormHeatmapHead
from .hooks import PoseDataCheckHook
from .metrics import ConvertingCocoMetric, WholeBodyMetric
from .registry import KEYPOINT_CODECS
from .transforms import ConvertVocabulary, RequireVisibleKeypoints
from .visualization import GroupedPoseVisualizer

__all__ = [
    'BatchedUDPHeatmap',
    'CheckedCocoDataset',
    'CheckedCocoWholeBodyDataset',
    'CombinedVocabularyDataset',
    'ConvertVocabulary',
    'ConvertingCocoMetric',
    'Goliath308Dataset',
    'GroupedPoseVisualizer',
    'InstanceNormHeatmapHead',
    'PoseDataCheckHook',
    'RequireVisibleKeypoints',
    'WholeBodyMetric',
]

list_in_host(__name__, KEYPOINT_CODECS=KEYPOINT_CODECS)
