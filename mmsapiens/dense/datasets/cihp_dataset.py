"""Crowd Instance-level Human Parsing."""

from __future__ import annotations

from typing import Any

from ...classes.class_sets import get_class_set
from ...registry import DATASETS
from .parsing_dataset import ParsingDataset

_FOLDERS = {'train': 'Training', 'val': 'Validation'}


@DATASETS.register_module()
class CIHPDataset(ParsingDataset):
    """CIHP in the folders of its release: the classes, not the instances.

    Published by Gong et al., "Instance-level Human Parsing via Part Grouping Network", ECCV 2018.
    Class 10 is the skin of the torso; the reference calls it jumpsuits, as in LIP.

    Args:
        split (str): 'train' or 'val'. Defaults to 'train'.
        vocabulary (str): 'cihp', or 'goliath28' to convert the labels. Defaults to 'cihp'.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``.
            Defaults to None, the folders of the split.
        **kwargs: Those of :class:`ParsingDataset`.

    Raises:
        ValueError: If there is no such split.
    """

    METAINFO = get_class_set('cihp').metainfo()
    LAYOUT = '{Training,Validation}/Images/*.jpg and {Training,Validation}/Category_ids/*.png'

    def __init__(
        self,
        *,
        split: str = 'train',
        vocabulary: str = 'cihp',
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in _FOLDERS:
            raise ValueError(f'`split` must be one of {list(_FOLDERS)}, but got {split!r}')
        folder = _FOLDERS[split]
        super().__init__(
            stored='cihp',
            vocabulary=vocabulary,
            data_prefix=data_prefix
            or dict(img_path=f'{folder}/Images', seg_map_path=f'{folder}/Category_ids'),
            **kwargs,
        )
