"""Datasets of people with keypoints."""

from .checked_coco_dataset import AnnotationChecks, CheckedCocoDataset, CheckedCocoWholeBodyDataset
from .combined_vocabulary_dataset import CombinedVocabularyDataset
from .goliath308_dataset import Goliath308Dataset

__all__ = [
    'AnnotationChecks',
    'CheckedCocoDataset',
    'CheckedCocoWholeBodyDataset',
    'CombinedVocabularyDataset',
    'Goliath308Dataset',
]
