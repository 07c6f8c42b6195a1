"""A look at the datasets before the first iteration."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmpose.datasets.datasets import BaseCocoStyleDataset, CocoDataset
from mmpose.datasets.transforms import KeypointConverter
from mmpose.evaluation.metrics import CocoMetric
from mmpose.models.heads import HeatmapHead
from torch import nn

from ..core.formatting import shorten
from ..engine.hooks import DataCheckHook, leaf_datasets
from ..registry import HOOKS
from .datasets.coco_style_datasets import AnnotationChecks, flat_boxes, is_local, warn
from .metrics import CheckedCocoMetric, check_image, read_coco


def keypoint_counts(dataset: Any) -> set[int]:
    """Numbers of keypoints of a dataset's samples: of its metainfo or ``KeypointConverter``."""
    if isinstance(dataset, ConcatDataset):
        return set().union(*map(keypoint_counts, dataset.datasets))
    if hasattr(dataset, 'dataset'):
        return keypoint_counts(dataset.dataset)
    for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ()):
        if isinstance(step, KeypointConverter):
            return {step.num_keypoints}
    count = getattr(dataset, 'metainfo', {}).get('num_keypoints')
    return set() if count is None else {count}


def _check_head(where: str, dataset: Any, model: nn.Module) -> None:
    """Refuse a dataset ``where`` with other keypoints than the model's heatmap head, if any."""
    head = getattr(model, 'head', None)
    if not isinstance(head, HeatmapHead):
        return
    outputs = getattr(head, 'num_keypoints', head.out_channels)
    if (counts := keypoint_counts(dataset)) - {outputs}:
        text = f'`out_channels` of the head must be the number of keypoints of {where}'
        raise ValueError(f'{text}, {shorten(sorted(counts))}, but got {outputs}')


@HOOKS.register_module()
class PoseDataCheckHook(DataCheckHook):
    """Refuses datasets that would fail late or train on nonsense.

    Looks at empty datasets, numbers of keypoints, left-right pairs, missing images and flat boxes;
    in training also of the validation set. Datasets not in COCO's style are only compared with the
    head.

    Args:
        max_samples (int): Samples of each dataset to look at, evenly spaced. Defaults to 5000.
    """

    def __init__(self, max_samples: int = 5000) -> None:
        super().__init__()
        if max_samples < 1:
            raise ValueError(f'`max_samples` must be above 0, but got {max_samples}')
        self.max_samples = max_samples

    def check(self, runner: Runner, mode: str, model: nn.Module) -> None:
        """Look at the samples of a loader, and compare them with the head."""
        dataset = getattr(runner, f'{mode}_dataloader').dataset
        evaluator = getattr(runner, f'{mode}_evaluator', None)
        metrics = evaluator.metrics if isinstance(evaluator, Evaluator) else []
        parts = [each for each in leaf_datasets(dataset) if isinstance(each, BaseCocoStyleDataset)]
        for part in parts:
            where = f'`{mode}_dataloader` ({part.bbox_file or part.ann_file})'
            samples = self._check_part(where, part)
            for metric in metrics if len(parts) == 1 else ():
                is_known = type(metric) is CocoMetric or isinstance(metric, CheckedCocoMetric)
                if is_known and metric.coco is not None:
                    _check_evaluator(metric, part, samples)
        if not any(getattr(metric, 'pred_converter', None) for metric in metrics):
            _check_head(f'`{mode}_dataloader`', dataset, model)

    def _check_part(self, where: str, dataset: BaseDataset) -> list[dict]:
        if len(dataset) == 0:
            needs = 'it has no person with labelled keypoints and a box inside the image'
            text = f'the dataset of {where} is empty: {needs}'
            raise ValueError(f'{text}. Check the file and `filter_cfg`.')
        check_flip_indices(where, dataset.metainfo)
        expected = dataset.metainfo['num_keypoints']
        count = min(len(dataset), self.max_samples)
        indices = np.linspace(0, len(dataset) - 1, count).astype(int)
        samples = [dataset.get_data_info(int(index)) for index in indices]
        for sample in samples:
            keypoints = sample.get('keypoints')
            if keypoints is not None and keypoints.shape[1] != expected:
                got = f'annotation {sample["id"]} has {keypoints.shape[1]}'
                text = f'the metainfo of {where} has {expected} keypoints, but {got}'
                raise ValueError(f'{text}. Give the dataset the `metainfo` of its annotations.')
        if dataset.data_mode == 'topdown' and (flat := flat_boxes(samples)):
            text = f'{len(flat)} of the {count} boxes of {where} that were looked at have no area'
            raise ValueError(f'{text}. Take them out of the file; their ids are {shorten(flat)}')
        paths = sorted({sample['img_path'] for sample in samples})
        missing = [path for path in paths if is_local(path) and not os.path.isfile(path)]
        if missing:
            text = f'{len(missing)} of the {len(paths)} images of {where} that were looked for'
            remedy = 'Check `data_root` and `data_prefix` of the dataset.'
            raise FileNotFoundError(f'{text} do not exist: {shorten(missing)}. {remedy}')
        return samples


def check_flip_indices(where: str, metainfo: Mapping[str, Any]) -> None:
    """Refuse parsed metainfo whose left and right keypoints do not point at each other."""
    count, flip = metainfo['num_keypoints'], list(metainfo['flip_indices'])
    names = metainfo['keypoint_id2name']
    if sorted(flip) == list(range(count)):
        wrong = [names[i] for i in range(count) if flip[flip[i]] != i]
    else:
        wrong = [names[i] for i in range(count) if flip.count(i) != 1]
    if wrong:
        text = f'`flip_indices` of {where} must swap keypoints in pairs, but these are in none or'
        remedy = 'Check `swap` of the `keypoint_info` in its metainfo.'
        raise ValueError(f'{text} in several: {shorten(wrong)}. {remedy}')


def _check_evaluator(metric: CocoMetric, dataset: BaseDataset, samples: list[dict]) -> None:
    """Refuse an evaluator of other images; hand the file to stock's as our reader has it."""
    is_known = type(dataset) is CocoDataset or isinstance(dataset, AnnotationChecks)
    if is_known and not isinstance(metric, CheckedCocoMetric) and not metric.gt_converter:
        metric.coco = read_coco(metric.ann_file or dataset.ann_file, dataset.metainfo)
    for sample in samples:
        check_image(sample, metric.coco.imgs, metric.ann_file)
    seen = {sample['img_id'] for sample in samples}
    missed = [
        each['id']
        for each in metric.coco.anns.values()
        if each.get('num_keypoints') and not each.get('iscrowd') and each['image_id'] not in seen
    ]
    if missed and len(samples) == len(dataset) and not dataset.bbox_file:
        text = f'{len(missed)} people of {metric.ann_file} are in images that the dataset has not'
        warn([f'{text}; they count as not found: {shorten(missed)}'])
