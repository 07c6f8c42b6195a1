"""Transforms of people with keypoints."""

from .convert_vocabulary import ConvertVocabulary
from .load_checked_image import LoadCheckedImage
from .require_visible_keypoints import RequireVisibleKeypoints

__all__ = [
    'ConvertVocabulary',
    'LoadCheckedImage',
    'RequireVisibleKeypoints',
]
