"""Datasets of images with dense maps."""

from .folder_datasets import DenseFolderDataset, Hi4DDataset, THuman2Dataset
from .paired_files import BadSamplePolicy, PairedFilesDataset
from .parsing_datasets import BodyParts28Dataset, CIHPDataset, LIPPartsDataset, ParsingDataset

__all__ = [
    'BadSamplePolicy',
    'BodyParts28Dataset',
    'CIHPDataset',
    'DenseFolderDataset',
    'Hi4DDataset',
    'LIPPartsDataset',
    'PairedFilesDataset',
    'ParsingDataset',
    'THuman2Dataset',
]
