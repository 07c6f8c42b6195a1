"""Datasets of images with dense maps."""

from .bad_samples import BadSamplePolicy
from .dense_folder_dataset import DenseFolderDataset
from .hi4d_dataset import Hi4DDataset
from .paired_files_dataset import PairedFilesDataset
from .parsing_dataset import ParsingDataset
from .parsing_datasets import BodyParts28Dataset, CIHPDataset, LIPPartsDataset
from .thuman2_dataset import THuman2Dataset

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
