"""Datasets of people with keypoints."""

from .checked_coco_dataset import AnnotationChecks, CheckedCocoDataset

__all__ = ['AnnotationChecks', 'CheckedCocoDataset']
