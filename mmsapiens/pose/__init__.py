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

__all__ = ['BatchedUDPHeatmap', 'CheckedCocoDataset', 'CheckedCocoMetric', 'ConvertVocabulary']
__all__ += ['CheckedCocoWholeBodyDataset', 'CombinedVocabularyDataset', 'ConvertingCocoMetric']
__all__ += ['Goliath308Dataset', 'GroupedPoseVisualizer', 'InstanceNormHeatmapHead']
__all__ += ['PoseDataCheckHook', 'PoseTableDistortion', 'RequireVisibleKeypoints']
__all__ += ['WholeBodyMetric']

list_in_host(__name__, KEYPOINT_CODECS=KEYPOINT_CODECS)
