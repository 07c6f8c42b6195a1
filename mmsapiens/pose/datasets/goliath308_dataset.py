"""People with 308 keypoints."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmpose.datasets.datasets import BaseCocoStyleDataset

from ...keypoints.keypoint_sets import keypoint_fields, read_metainfo
from ...registry import DATASETS
from .checked_coco_dataset import AnnotationChecks

(KEYPOINTS,) = keypoint_fields('goliath308')


class _Goliath308Reader(BaseCocoStyleDataset):
    """Reads the 308 keypoints; the rest is stock."""

    METAINFO = read_metainfo('goliath308')

    def parse_data_info(self, raw_data_info: dict) -> dict[str, Any] | None:
        """One person in MMPose's form.

        The stock reader takes ``keypoints``, here 17 of them, and counts the visible ones; both are
        replaced by those of the 308.
        """
        annotation = raw_data_info['raw_ann_info']
        if KEYPOINTS not in annotation:
            return None
        flat = np.array(annotation[KEYPOINTS], dtype=np.float32)
        points = flat.reshape(1, -1, 3)
        visible = np.minimum(1, points[..., 2])
        annotation = dict(
            annotation, keypoints=annotation[KEYPOINTS], num_keypoints=int((visible > 0).sum())
        )
        return super().parse_data_info(dict(raw_data_info, raw_ann_info=annotation))


@DATASETS.register_module()
class Goliath308Dataset(AnnotationChecks, _Goliath308Reader):
    """The 308-keypoint vocabulary of `Sapiens <https://arxiv.org/abs/2408.12569>`_ in COCO's
    layout.

    For training and evaluation, with any number of people in an image. An annotation has, besides
    the fields of COCO, ``goliath_wholebody_kpts`` with 308 * 3 numbers x, y, v: pixels of the
    image, and v > 0 for visible. Names, sigmas, left-right pairs and links are in
    ``mmsapiens/keypoints/goliath308.json``.
    """

    KEYPOINT_FIELDS = keypoint_fields('goliath308')
