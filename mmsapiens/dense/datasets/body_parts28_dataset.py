"""The 28 classes of Sapiens."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ...classes.class_sets import get_class_set
from ...registry import DATASETS
from .parsing_dataset import ParsingDataset


@DATASETS.register_module()
class BodyParts28Dataset(ParsingDataset):
    """Images in ``images/``, labels of 28 classes in ``labels/``.

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
