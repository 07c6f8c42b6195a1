"""Datasets of images with dense maps."""

from .bad_samples import BadSamplePolicy
from .body_parts28_dataset import BodyParts28Dataset
from .cihp_dataset import CIHPDataset
from .dense_folder_dataset import DenseFolderDataset
from .hi4d_dataset import Hi4DDataset
from .lip_parts_dataset import LIPPartsDataset
from .paired_files_dataset import PairedFilesDataset
from .parsing_dataset import ParsingDataset
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
