"""Several datasets in one keypoint set."""

from __future__ import annotations

from typing import Any

from mmpose.datasets import CombinedDataset

from ...keypoints.keypoint_sets import read_metainfo
from ...registry import DATASETS


@DATASETS.register_module()
class CombinedVocabularyDataset(CombinedDataset):
    """Stock ``CombinedDataset`` whose metainfo is that of a keypoint set.

    Each dataset of another set has :class:`mmsapiens.pose.ConvertVocabulary` in its own
    pipeline; the augmentation, which swaps left and right, belongs into the ``pipeline`` of this
    one.

    Args:
        vocabulary (str): 'coco', 'coco_wholebody' or 'goliath308'.
        datasets (list[dict]): Configs of the datasets.
        **kwargs: ``pipeline`` and ``sample_ratio_factor`` of stock.

    Raises:
        KeyError: If the set is unknown.
    """

    def __init__(self, vocabulary: str, datasets: list[dict], **kwargs: Any) -> None:
        super().__init__(read_metainfo(vocabulary), datasets, **kwargs)
