"""COCO-style datasets that say what is wrong with their files."""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.fileio import get_local_path
from mmengine.logging import print_log
from mmpose.datasets import CombinedDataset
from mmpose.datasets.datasets import BaseCocoStyleDataset, CocoDataset, CocoWholeBodyDataset
from mmpose.structures.bbox import bbox_xywh2xyxy

from ...core.formatting import shorten
from ...io.images import upright_size
from ...keypoints.annotation_files import AnnotationFile, plain_number, read_json
from ...keypoints.keypoint_sets import field_indices, keypoint_fields, read_metainfo
from ...registry import DATASETS


def is_local(path: str) -> bool:
    """Whether a path is one of the local disk, not of another backend."""
    return '://' not in path


def check_file(argument: str, path: str, remedy: str) -> None:
    """Refuse a local file that is missing, naming the setting and the remedy."""
    if is_local(path) and not os.path.isfile(path):
        raise FileNotFoundError(f'`{argument}` of the dataset does not exist: {path}. {remedy}')


def warn(messages: Iterable[str]) -> None:
    """Log what is worth a look."""
    for text in messages:
        print_log(text, logger='current', level=logging.WARNING)


def read_people(
    path: str, metainfo: Mapping[str, Any], fields: Sequence[str], with_people: bool = True
) -> AnnotationFile:
    """An annotation file with the keypoints of parsed ``metainfo`` in lists ``fields``."""
    counts = dict.fromkeys(fields, metainfo['num_keypoints'])
    if len(fields) > 1:
        ids = field_indices('coco_wholebody')
        counts = {field: len(ids[field]) for field in fields}
    names = metainfo.get('keypoint_id2name') or {}
    names = [names[index] for index in sorted(names)]
    options: Any = dict(with_people=with_people, what='`ann_file` of the dataset')
    with get_local_path(path) as local:
        return AnnotationFile(local, fields=counts, names=names, **options)


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
    """Checks in front of the stock reader, whose data it gives; it stands in front of a stock
    dataset.

    Each sample also gets ``img_shape`` (H, W) of the annotation file for
    :class:`mmsapiens.transforms.LoadCheckedImage`. ``KEYPOINT_FIELDS`` hold the keypoints of an
    annotation together. A file that is missing, no such JSON, of other keypoints than ``metainfo``,
    or without people is an error.
    """

    KEYPOINT_FIELDS: tuple[str, ...] = ('keypoints',)

    def load_data_list(self) -> list[dict]:
        """Read ``ann_file``, or the boxes of ``bbox_file``."""
        check_file('ann_file', self.ann_file, 'Check the path and `data_root`.')
        if self.bbox_file:
            remedy = 'Download the detections, or set `bbox_file=None` to use annotated boxes.'
            check_file('bbox_file', self.bbox_file, remedy)
        return super().load_data_list()

    def _read_file(self) -> AnnotationFile:
        names = self.KEYPOINT_FIELDS
        file = read_people(self.ann_file, self._metainfo, names, not self.bbox_file)
        if file.listed:
            self._metainfo['CLASSES'] = file.categories
        return file

    def _warn(self, file: AnnotationFile) -> None:
        self._reasons = file.messages()
        warn(self._reasons)

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """Stock's, of what :class:`AnnotationFile` reads."""
        file = self._read_file()
        by_image = defaultdict(list)
        for person in file.people:
            by_image[person['image_id']].append(person)
        instances, images = [], []
        for number, image in file.images.items():
            if number % self.sample_interval:
                continue
            path = os.path.join(self.data_prefix['img'], image['file_name'])
            image.update(img_id=number, img_path=path)
            images.append(image)
            if by_image[number]:
                self._find_size(file, number)
            for person in by_image[number]:
                found = self.parse_data_info(dict(raw_ann_info=person, raw_img_info=image))
                if found:
                    instances.append(found)
        self._warn(file)
        return instances, images

    def _find_size(self, file: AnnotationFile, number: int) -> None:
        """Ask an image for its size where the annotations do not say it."""
        image, name = file.images[number], file.file_ids[number]
        lacking = [side for side in ('width', 'height') if side not in image]
        if not lacking:
            return
        try:
            image['width'], image['height'] = upright_size(image['img_path'])
        except Exception as error:
            text = f'must give `{lacking[0]}` in pixels, or the image must be there to be asked'
            file.refuse(f'image {name}', f'{text}: {error}')
        file.notes['`width` or `height` is missing, and read from the image,'].append(name)

    def _load_detection_results(self) -> list[dict]:
        """Stock's, of what :class:`AnnotationFile` reads; keypoints are zeros."""
        file = self._read_file()
        detections = read_json(self.bbox_file, '`bbox_file` of the dataset')
        if not isinstance(detections, list):
            got = f'{self.bbox_file} holds a {type(detections).__name__}'
            raise ValueError(f'`bbox_file` of the dataset must be a list of detections, but {got}')
        for index, each in enumerate(detections):
            keys = set(each) if isinstance(each, dict) else set()
            if missing := {'image_id', 'category_id', 'bbox', 'score'} - keys:
                raise ValueError(f'{self.bbox_file}: detection {index} has no {sorted(missing)}')
            number = file.image_number(each['image_id'])
            if number is None:
                text = f'{self.bbox_file}: detection {index} is of the image {each["image_id"]}'
                remedy = 'Use the detections of the same images.'
                raise ValueError(f'{text}, which {self.ann_file} does not have. {remedy}')
            each['image_id'] = number
        document = dict(file.document(), annotations=detections, categories=file.listed)
        found = AnnotationFile(self.bbox_file, document)
        self._warn(found)
        count = self._metainfo['num_keypoints']
        data_list: list[dict] = []
        for person in found.people:
            image = file.images[person['image_id']]
            box = np.array(person['bbox'], dtype=np.float32).reshape(1, 4)
            sample = dict(
                img_id=person['image_id'],
                img_path=os.path.join(self.data_prefix['img'], image['file_name']),
                bbox=bbox_xywh2xyxy(box),
                bbox_score=np.array(plain_number(person['score']), dtype=np.float32).reshape(1),
                keypoints=np.zeros((1, count, 2), dtype=np.float32),
                keypoints_visible=np.ones((1, count), dtype=np.float32),
                id=len(data_list),
            )
            if 'width' in image and 'height' in image:
                sample['img_shape'] = (image['height'], image['width'])
            data_list.append(sample)
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One person, as the stock dataset has it, with ``img_shape``."""
        image = raw_data_info['raw_img_info']
        data_info = super().parse_data_info(raw_data_info)
        if data_info is not None:
            data_info['img_shape'] = (image['height'], image['width'])
        return data_info

    def _get_topdown_data_infos(self, instance_list: list[dict]) -> list[dict]:
        if flat := flat_boxes(instance_list):
            text = f'{self.ann_file}: {len(flat)} of {len(instance_list)} annotations are left out'
            warn([f'{text}, their `bbox` has no area inside the image: {shorten(flat)}'])
        return super()._get_topdown_data_infos(instance_list)

    def filter_data(self) -> list[dict]:
        """What ``filter_cfg`` leaves, which must not be nothing."""
        data_list = super().filter_data()
        if not data_list:
            needs = 'an annotation with labelled `keypoints` (`num_keypoints` above 0) and a `bbox`'
            needs = 'a detection of a person' if self.bbox_file else f'{needs} inside its image'
            needs = '; '.join([f'{needs} is needed', *self._reasons])
            text = f'{self.bbox_file or self.ann_file} has no person for this dataset'
            raise ValueError(f'{text}: {needs}. Check the file and `filter_cfg`.')
        return data_list


@DATASETS.register_module()
class CheckedCocoDataset(AnnotationChecks, CocoDataset):
    """Stock ``CocoDataset`` with the checks of :class:`AnnotationChecks`."""


@DATASETS.register_module()
class CheckedCocoWholeBodyDataset(AnnotationChecks, CocoWholeBodyDataset):
    """Stock ``CocoWholeBodyDataset`` with :class:`AnnotationChecks`."""

    KEYPOINT_FIELDS = keypoint_fields('coco_wholebody')

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One person; the outline that stock asks for may be missing."""
        raw_data_info['raw_ann_info'].setdefault('segmentation', None)
        return super().parse_data_info(raw_data_info)


@DATASETS.register_module()
class Goliath308Dataset(AnnotationChecks):
    """The 308 keypoints of `Sapiens <https://arxiv.org/abs/2408.12569>`_ in COCO's layout.

    An annotation also has ``goliath_wholebody_kpts``: 308 times x, y in pixels and v, above 0 for
    visible. Names, sigmas, pairs and links are in ``mmsapiens/keypoints/goliath308.json``.
    """

    METAINFO = read_metainfo('goliath308')
    KEYPOINT_FIELDS = keypoint_fields('goliath308')

    def parse_data_info(self, raw_data_info: dict) -> dict[str, Any] | None:
        """One person; ``keypoints``, here 17 of them, and their count become those of the 308."""
        annotation = raw_data_info['raw_ann_info']
        points = annotation[self.KEYPOINT_FIELDS[0]]
        visible = int((np.array(points[2::3], dtype=np.float32) > 0).sum())
        annotation = dict(annotation, keypoints=points, num_keypoints=visible)
        return super().parse_data_info(dict(raw_data_info, raw_ann_info=annotation))


@DATASETS.register_module()
class CombinedVocabularyDataset(CombinedDataset):
    """Stock ``CombinedDataset`` whose metainfo is that of a keypoint set.

    A dataset of another set has :class:`mmsapiens.pose.ConvertVocabulary` in its pipeline;
    augmentation, which swaps left and right, belongs into the ``pipeline`` of this one.

    Args:
        vocabulary (str): 'coco', 'coco_wholebody' or 'goliath308'; a KeyError otherwise.
        datasets (list[dict]): Configs of the datasets.
        **kwargs: ``pipeline`` and ``sample_ratio_factor`` of stock.
    """

    def __init__(self, vocabulary: str, datasets: list[dict], **kwargs: Any) -> None:
        super().__init__(read_metainfo(vocabulary), datasets, **kwargs)
