"""Datasets of people with keypoints."""

from .coco_style_datasets import (
    AnnotationChecks,
    CheckedCocoDataset,
    CheckedCocoWholeBodyDataset,
    CombinedVocabularyDataset,
    Goliath308Dataset,
)

__all__ = ['AnnotationChecks', 'CheckedCocoDataset', 'CheckedCocoWholeBodyDataset']
__all__ += ['CombinedVocabularyDataset', 'Goliath308Dataset']
