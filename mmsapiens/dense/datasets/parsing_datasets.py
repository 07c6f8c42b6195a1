"""Releases of labelled body parts, in their folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ...classes.class_sets import get_class_set
from ...registry import DATASETS
from .parsing_dataset import ParsingDataset


@DATASETS.register_module()
class BodyParts28Dataset(ParsingDataset):
    """The 28 classes of Sapiens: images in ``images/``, labels in ``labels/``.

    Args:
        split (str): Folder of ``data_root`` with the two, such as 'train'. Defaults to '',
            ``data_root`` itself.
        raw_34 (bool): Whether the files hold the 34 labels before six of them, and all unknown
            ones, become ignored. Defaults to False.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``.
            Defaults to None, the folders above.
        **kwargs: Those of :class:`ParsingDataset`.
    """

    METAINFO = get_class_set('goliath28').metainfo()
    LAYOUT = '<split>/images/*.jpg and <split>/labels/*.png'

    def __init__(
        self,
        *,
        split: str = '',
        raw_34: bool = False,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        root = PurePosixPath(split)
        super().__init__(
            stored='goliath34' if raw_34 else 'goliath28',
            vocabulary='goliath28',
            data_prefix=data_prefix
            or dict(img_path=str(root / 'images'), seg_map_path=str(root / 'labels')),
            **kwargs,
        )


class _ReleasedDataset(ParsingDataset):
    """A release with folders of its own for training and validation.

    Args:
        split (str): 'train' or 'val'. Defaults to 'train'.
        vocabulary (str, optional): :attr:`STORED`, or 'goliath28' to convert the labels. Defaults
            to None, the first.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``.
            Defaults to None, the folders of the split.
        **kwargs: Those of :class:`ParsingDataset`.

    Attributes:
        STORED (str): Class set of the files.
        FOLDERS (Mapping[str, tuple[str, str]]): Split -> folders of images and labels.

    Raises:
        ValueError: If there is no such split.
    """

    STORED: str
    FOLDERS: Mapping[str, tuple[str, str]]

    def __init__(
        self,
        *,
        split: str = 'train',
        vocabulary: str | None = None,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in self.FOLDERS:
            raise ValueError(f'`split` must be one of {list(self.FOLDERS)}, but got {split!r}')
        images, labels = self.FOLDERS[split]
        super().__init__(
            stored=self.STORED,
            vocabulary=vocabulary or self.STORED,
            data_prefix=data_prefix or dict(img_path=images, seg_map_path=labels),
            **kwargs,
        )


@DATASETS.register_module()
class LIPPartsDataset(_ReleasedDataset):
    """Look into Person, with sides for the flip; arguments as of the class above.

    Stock ``LIPDataset`` has neither the sides nor the folders. Published by Gong et al., "Look
    into Person", CVPR 2017.
    """

    METAINFO = get_class_set('lip').metainfo()
    LAYOUT = 'images/{train,val}_images/*.jpg and segmentations/{train,val}_segmentations/*.png'
    STORED = 'lip'
    FOLDERS = {
        split: (f'images/{split}_images', f'segmentations/{split}_segmentations')
        for split in ('train', 'val')
    }


@DATASETS.register_module()
class CIHPDataset(_ReleasedDataset):
    """Crowd Instance-level Human Parsing: the classes, not the instances; arguments as above.

    Published by Gong et al., "Instance-level Human Parsing via Part Grouping Network", ECCV 2018.
    Class 10 is the skin of the torso; the reference calls it jumpsuits, as in LIP.
    """

    METAINFO = get_class_set('cihp').metainfo()
    LAYOUT = '{Training,Validation}/Images/*.jpg and {Training,Validation}/Category_ids/*.png'
    STORED = 'cihp'
    FOLDERS = {
        'train': ('Training/Images', 'Training/Category_ids'),
        'val': ('Validation/Images', 'Validation/Category_ids'),
    }
