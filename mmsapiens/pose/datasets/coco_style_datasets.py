"""COCO-style datasets that say what is wrong with their files."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets import CombinedDataset
from mmpose.datasets.datasets import BaseCocoStyleDataset, CocoDataset, CocoWholeBodyDataset

from ...core.formatting import shorten
from ...keypoints.keypoint_sets import keypoint_fields, read_metainfo
from ...registry import DATASETS

_DETECTION_KEYS = {'image_id', 'category_id', 'bbox', 'score'}


def is_local(path: str) -> bool:
    """Whether a path is one of the local disk, not of another backend."""
    return '://' not in path


def check_file(argument: str, path: str, remedy: str) -> None:
    """Refuse a local file that is missing, naming the setting and the remedy."""
    if is_local(path) and not os.path.isfile(path):
        raise FileNotFoundError(f'`{argument}` of the dataset does not exist: {path}. {remedy}')


def check_json(argument: str, path: str, keys: Sequence[str] = ()) -> None:
    """Refuse a file that is not JSON with the lists ``keys``, or without these, not a list."""
    try:
        with open(path, encoding='utf-8') as file:
            doc = json.load(file)
    except ValueError as error:
        with open(path, 'rb') as file:
            start = file.read(40)
        raise ValueError(
            f'`{argument}` of the dataset is not JSON: {path} starts with {start!r} ({error})'
        ) from None
    got = sorted(doc) if isinstance(doc, dict) else type(doc).__name__
    must = f'`{argument}` of the dataset must be a'
    if keys and not (isinstance(doc, dict) and set(keys) <= set(doc)):
        raise ValueError(f'{must} COCO file with the keys {list(keys)}, but {path} has {got}')
    if not keys and not isinstance(doc, list):
        raise ValueError(f'{must} list of detections, but {path} holds a {type(doc).__name__}')


def check_detections(bbox_file: str, ann_file: str) -> None:
    """Refuse a list of detections that is incomplete, or of other images than the COCO file."""
    with open(bbox_file, encoding='utf-8') as file:
        detections = json.load(file)
    with open(ann_file, encoding='utf-8') as file:
        known = {image['id'] for image in json.load(file)['images']}
    for index, detection in enumerate(detections):
        missing = _DETECTION_KEYS - set(detection)
        if missing:
            raise ValueError(f'{bbox_file}: detection {index} has no {sorted(missing)}')
        if detection['image_id'] not in known:
            raise ValueError(
                f'{bbox_file}: detection {index} is of the image {detection["image_id"]}, which '
                f'{ann_file} does not have. Use the detections of the same set of images.'
            )


def check_annotation(
    path: str,
    annotation: Mapping[str, Any],
    image: Mapping[str, Any],
    num_keypoints: int,
    fields: Sequence[str],
) -> None:
    """Refuse an annotation of the file ``path`` that the stock reader would misread.

    ``fields`` are the lists that hold its keypoints together, 3 numbers for each.
    """
    for key in ('width', 'height'):
        if not image.get(key):
            raise ValueError(
                f'{path}: image {image["id"]} must give `{key}` in pixels, but got {image.get(key)}'
            )
    is_person = any(f in annotation for f in ('keypoints', *fields))
    if 'bbox' not in annotation or not is_person:
        return  # the stock reader leaves it out
    where = f'{path}: annotation {annotation["id"]}'
    if len(annotation['bbox']) != 4:
        got = annotation['bbox']
        raise ValueError(f'{where} must have a `bbox` [x, y, width, height], but got {got}')
    if missing := [f'`{field}`' for field in fields if field not in annotation]:
        raise ValueError(
            f'{where} must have {shorten(missing)}. Use an annotation file of this vocabulary, or '
            'the dataset of this file.'
        )
    count = sum(len(annotation[field]) for field in fields)
    if count != 3 * num_keypoints:
        raise ValueError(
            f'{where} must have {num_keypoints} keypoints (x, y, v), {3 * num_keypoints} numbers, '
            f'but got {count} numbers, {count / 3:g} keypoints. Give the dataset the `metainfo` of '
            'these annotations, and `out_channels` of the head their number.'
        )


def flat_boxes(instances: Iterable[Mapping[str, Any]]) -> list:
    """Ids of the people whose ``bbox`` (1, 4), x1, y1, x2, y2, has no area inside the image."""
    return [
        instance['id']
        for instance in instances
        if instance.get('num_keypoints', 1)
        and not instance.get('iscrowd')
        and np.any(instance['bbox'][:, 2:] <= instance['bbox'][:, :2])
    ]


class AnnotationChecks(BaseCocoStyleDataset):
    """Checks in front of the stock reader; the data are those of stock.

    In a subclass it stands in front of the stock dataset. Each sample also gets ``img_shape`` (H,
    W) from the annotation file, which :class:`mmsapiens.transforms.LoadCheckedImage` compares with
    the image. ``KEYPOINT_FIELDS`` are the lists of an annotation that hold its keypoints together.

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
        if flat := flat_boxes(instance_list):
            text = (
                f'{self.ann_file}: {len(flat)} of {len(instance_list)} annotations are left out, '
                f'their `bbox` has no area inside the image: {shorten(flat)}'
            )
            print_log(text, logger='current', level=logging.WARNING)
        return super()._get_topdown_data_infos(instance_list)

    def filter_data(self) -> list[dict]:
        """What ``filter_cfg`` leaves, which must not be nothing."""
        data_list = super().filter_data()
        if not data_list:
            needs = 'an annotation with labelled `keypoints` (`num_keypoints` above 0) and a `bbox`'
            needs = (
                'a detection of `category_id` 1' if self.bbox_file else f'{needs} inside its image'
            )
            raise ValueError(
                f'{self.bbox_file or self.ann_file} has no person for this dataset: {needs} is '
                'needed. Check the file and `filter_cfg`.'
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
    """The 308 keypoints of `Sapiens <https://arxiv.org/abs/2408.12569>`_ in COCO's layout.

    An annotation has, besides the fields of COCO, ``goliath_wholebody_kpts`` with 308 * 3 numbers
    x, y, v: pixels of the image, and v > 0 for visible. Names, sigmas, left-right pairs and links
    are in ``mmsapiens/keypoints/goliath308.json``.
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
