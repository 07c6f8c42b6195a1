"""Transforms of people with keypoints."""

from .convert_vocabulary import ConvertVocabulary
from .require_visible_keypoints import RequireVisibleKeypoints
from .table_distortion import PoseTableDistortion

__all__ = ['ConvertVocabulary', 'PoseTableDistortion', 'RequireVisibleKeypoints']
