"""Datasets of images with dense maps."""

# ruff: noqa: F401
from .folder_datasets import (
    AlbedoDataset,
    DenseFolderDataset,
    Hi4DDataset,
    MattingDataset,
    PointMapDataset,
    THuman2Dataset,
)
from .paired_files import BadSamplePolicy, PairedFilesDataset
from .parsing_datasets import (
    ATRDataset,
    BodyParts28Dataset,
    BodyParts29Dataset,
    CIHPDataset,
    LIPPartsDataset,
    ParsingDataset,
)
