"""Pose estimation; needs mmpose."""

from .. import engine, models  # noqa: F401
from ..hosts import list_in_host
from .datasets import CheckedCocoDataset
from .heads import InstanceNormHeatmapHead
from .hooks import PoseDataCheckHook
from .transforms import LoadCheckedImage

__all__ = [
    'CheckedCocoDataset',
    'InstanceNormHeatmapHead',
    'LoadCheckedImage',
    'PoseDataCheckHook',
]

list_in_host(__name__)
