"""COCO-style datasets that say what is wrong with their files."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets import CombinedDataset
from mmpose.datasets.datasets import BaseCocoStyleDataset, CocoDataset, CocoWholeBodyDataset

from ...core.formatting import shorten
from ...keypoints.keypoint_sets import keypoint_fields, read_metainfo
from ...registry import DATASETS
from .checks import check_annotation, check_detections, check_file, check_json, flat_boxes


class AnnotationChecks(BaseCocoStyleDataset):
    """Checks in front of the stock reader; the data are those of stock.

    In a subclass it stands in front of the stock dataset. Each sample also gets ``img_shape`` (H,
    W) from the annotation file, which :class:`mmsapiens.transforms.LoadCheckedImage` compares with
    the image.

    Attributes:
        KEYPOINT_FIELDS (tuple[str, ...]): Lists of an annotation that hold its keypoints together.

    Raises:
        FileNotFoundError: If ``ann_file`` or ``bbox_file`` is missing.
        ValueError: If one of them is not the JSON expected, if an annotation has another number of
            keypoints than ``metainfo``, or if no person is left.
    """

    KEYPOINT_FIELDS: tuple[str, ...] = ('keypoints',)

    def load_data_list(self) -> list[dict]:
        """Read ``ann_file``, or the boxes of ``bbox_file``."""
        check_file('ann_file', self.ann_file, 'Check the path and `data_root`.')
        if self.bbox_file:
            check_file(
                'bbox_file',
                self.bbox_file,
                'Download the detections, or set `bbox_file=None` to use the annotated boxes.',
            )
        try:
            return super().load_data_list()
        except (AssertionError, KeyError, ValueError):
            # Which of the files, and why, is found only now: reading a large one twice takes time.
            check_json('ann_file', self.ann_file, ('images', 'annotations'))
            if self.bbox_file:
                check_json('bbox_file', self.bbox_file)
                check_detections(self.bbox_file, self.ann_file)
            raise

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One person, as the stock dataset has it, with ``img_shape``."""
        image = raw_data_info['raw_img_info']
        check_annotation(
            self.ann_file,
            raw_data_info['raw_ann_info'],
            image,
            self._metainfo['num_keypoints'],
            self.KEYPOINT_FIELDS,
        )
        data_info = super().parse_data_info(raw_data_info)
        if data_info is not None:
            data_info['img_shape'] = (image['height'], image['width'])
        return data_info

    def _get_topdown_data_infos(self, instance_list: list[dict]) -> list[dict]:
        flat = flat_boxes(instance_list)
        if flat:
            print_log(
                f'{self.ann_file}: {len(flat)} of {len(instance_list)} '
                'annotations are left out, their `bbox` has no area inside '
                f'the image: {shorten(flat)}',
                logger='current',
                level=logging.WARNING,
            )
        return super()._get_topdown_data_infos(instance_list)

    def filter_data(self) -> list[dict]:
        """What ``filter_cfg`` leaves, which must not be nothing."""
        data_list = super().filter_data()
        if not data_list:
            needs = (
                'a detection of `category_id` 1'
                if self.bbox_file
                else 'an annotation with labelled `keypoints` (`num_keypoints`'
                ' above 0) and a `bbox` inside its image'
            )
            raise ValueError(
                f'{self.bbox_file or self.ann_file} has no person for this '
                f'dataset: {needs} is needed. Check the file and `filter_cfg`.'
            )
        return data_list


@DATASETS.register_module()
class CheckedCocoDataset(AnnotationChecks, CocoDataset):
    """Stock ``CocoDataset`` with the checks of :class:`AnnotationChecks`."""


@DATASETS.register_module()
class CheckedCocoWholeBodyDataset(AnnotationChecks, CocoWholeBodyDataset):
    """Stock ``CocoWholeBodyDataset`` with :class:`AnnotationChecks`."""

    KEYPOINT_FIELDS = keypoint_fields('coco_wholebody')


class _Goliath308Reader(BaseCocoStyleDataset):
    """Reads the 308 keypoints; the rest is stock."""

    METAINFO = read_metainfo('goliath308')

    def parse_data_info(self, raw_data_info: dict) -> dict[str, Any] | None:
        """One person; ``keypoints``, here 17 of them, and their count become those of the 308."""
        (field,) = keypoint_fields('goliath308')
        annotation = raw_data_info['raw_ann_info']
        if field not in annotation:
            return None
        points = annotation[field]
        visible = int((np.array(points[2::3], dtype=np.float32) > 0).sum())
        annotation = dict(annotation, keypoints=points, num_keypoints=visible)
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
