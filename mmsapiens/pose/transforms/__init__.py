"""Transforms of people with keypoints."""

from .convert_vocabulary import ConvertVocabulary
from .require_visible_keypoints import RequireVisibleKeypoints

__all__ = [
    'ConvertVocabulary',
    'RequireVisibleKeypoints',
]
