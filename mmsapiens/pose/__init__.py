"""Pose estimation; needs mmpose."""

from .. import engine, models  # noqa: F401
from ..hosts import list_in_host
from .heads import InstanceNormHeatmapHead

__all__ = ['InstanceNormHeatmapHead']

list_in_host(__name__)
