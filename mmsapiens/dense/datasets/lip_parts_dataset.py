"""Look into Person."""

from __future__ import annotations

from typing import Any

from ...classes.class_sets import get_class_set
from ...registry import DATASETS
from .parsing_dataset import ParsingDataset


@DATASETS.register_module()
class LIPPartsDataset(ParsingDataset):
    """LIP in the folders of its release, with sides for the flip.

    Stock ``LIPDataset`` knows neither the sides nor the folders. Published by Gong et al., "Look
    into Person", CVPR 2017.

    Args:
        split (str): 'train' or 'val'. Defaults to 'train'.
        vocabulary (str): 'lip', or 'goliath28' to convert the labels. Defaults to 'lip'.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``.
            Defaults to None, the folders of the split.
        **kwargs: Those of :class:`ParsingDataset`.

    Raises:
        ValueError: If there is no such split.
    """

    METAINFO = get_class_set('lip').metainfo()
    LAYOUT = 'images/{train,val}_images/*.jpg and segmentations/{train,val}_segmentations/*.png'

    def __init__(
        self,
        *,
        split: str = 'train',
        vocabulary: str = 'lip',
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in ('train', 'val'):
            raise ValueError(f"`split` must be 'train' or 'val', but got {split!r}")
        super().__init__(
            stored='lip',
            vocabulary=vocabulary,
            data_prefix=data_prefix
            or dict(
                img_path=f'images/{split}_images',
                seg_map_path=f'segmentations/{split}_segmentations',
            ),
            **kwargs,
        )
