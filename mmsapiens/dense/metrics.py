"""Evaluation of dense tasks, with equal figures for any number of ranks."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.evaluation.metrics import IoUMetric
from torch import Tensor

from ..classes.class_sets import class_set_names, convert_labels, get_class_set
from ..evaluation import maps as measures
from ..ops.depth_alignment import ALIGNMENTS
from ..ops.known_pixels import has_depth, has_normal
from ..registry import METRICS
from ..structures.fields import DEPTH_MAP, HUMAN_MASK, NORMAL_MAP, Field


def image_name(sample: Mapping[str, Any]) -> str:
    """The image of a sample, for messages."""
    return str(sample.get('img_path', '(a sample without `img_path`)'))


@METRICS.register_module()
class ExactIoUMetric(IoUMetric):
    """Stock ``IoUMetric`` that counts in integers.

    The stock one (mmsegmentation 1.2.2) adds areas in float32, which has gaps above 2^24 pixels,
    and leaves out labels that are no class without a word. Figures, names and table are its own:
    ``aAcc``, ``mIoU`` and ``mAcc`` in percent, over all classes, background included; one that
    occurs nowhere is NaN in the table and left out of the means.

    Args:
        ignore_index (int): Label of pixels that do not count. Defaults to 255.
        pred_vocabulary (str, optional): Class set of the model, such as 'goliath29', where the
            dataset has another one, such as 'goliath28': predictions become its classes first.
            Defaults to None.
        instead (Mapping, optional): Class of the model -> class of the dataset, for those without a
            match, such as ``{'Eyeglass': 'Face_Neck'}``. Defaults to None.
        **kwargs: ``iou_metrics`` and others of the stock metric.

    Raises:
        ValueError: If a class set is unknown.
        TypeError: If there is no such argument, which the stock metric passes over.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        pred_vocabulary: str | None = None,
        instead: Mapping[str, str | None] | None = None,
        **kwargs: Any,
    ) -> None:
        known = inspect.signature(IoUMetric).parameters.keys()
        if kwargs.keys() - known:
            raise TypeError(
                f'arguments of ExactIoUMetric must be of {sorted(known)}, but got {sorted(kwargs)}'
            )
        super().__init__(ignore_index, **kwargs)
        if pred_vocabulary is not None and pred_vocabulary not in class_set_names():
            text = f'`pred_vocabulary` must be one of {class_set_names()}'
            raise ValueError(f'{text}, but got {pred_vocabulary!r}')
        self.pred_vocabulary, self.instead = pred_vocabulary, instead

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Count the pixels of ``pred_sem_seg`` and ``gt_sem_seg``, ids (1, H, W), or ValueError."""
        if self.pred_vocabulary is not None:
            data_samples = [self._converted(each, self.pred_vocabulary) for each in data_samples]
        for sample in data_samples:
            pred = sample['pred_sem_seg']['data']
            self._check_ids(sample, 'pred_sem_seg', pred)
            if self.format_only:
                continue
            label = sample['gt_sem_seg']['data']
            if label.shape != pred.shape:
                raise ValueError(
                    f'`pred_sem_seg` of {image_name(sample)} must have the shape of '
                    f'`gt_sem_seg`, {tuple(label.shape)}, but got {tuple(pred.shape)}'
                )
            self._check_ids(sample, 'gt_sem_seg', label[label != self.ignore_index])
        super().process(data_batch, data_samples)

    def _converted(self, sample: Mapping[str, Any], source: str) -> dict[str, Any]:
        """A sample whose prediction has the classes of the dataset."""
        classes = tuple(self.dataset_meta['classes'])
        names = [name for name in class_set_names() if get_class_set(name).classes == classes]
        if not names:
            raise ValueError(
                '`pred_vocabulary` needs a dataset with one of the class sets '
                f'{class_set_names()}, but its classes are {list(classes)}'
            )
        pred = sample['pred_sem_seg']['data']
        labels = pred.cpu().numpy()
        ids = convert_labels(labels, source, names[0], self.instead, has_ignored=False)
        data = torch.from_numpy(ids.astype(np.int64)).to(pred.device)
        return dict(sample, pred_sem_seg=dict(sample['pred_sem_seg'], data=data))

    def _check_ids(self, sample: Mapping[str, Any], name: str, ids: Tensor) -> None:
        num_classes = len(self.dataset_meta['classes'])
        if ids.numel() and (ids.min() < 0 or ids.max() >= num_classes):
            raise ValueError(
                f'`{name}` of {image_name(sample)} must be below the number of classes, '
                f'{num_classes}, but it has {int(ids.min())} to {int(ids.max())}. Use the dataset '
                "of the model's classes, and `ignore_index`."
            )

    @staticmethod
    def intersect_and_union(
        pred_label: Tensor, label: Tensor, num_classes: int, ignore_index: int
    ) -> tuple[Tensor, ...]:
        """Pixels of intersection, union, prediction and label, (H, W); each int64 (N) by class."""
        ids = pred_label.cpu().numpy(), label.cpu().numpy()
        return tuple(torch.from_numpy(measures.class_areas(*ids, num_classes, ignore_index)))

    @staticmethod
    def total_area_to_metrics(*args: Any, **kwargs: Any) -> dict[str, np.ndarray]:
        """The stock figures from four areas int64 (N), divided in float64; arguments as there."""
        areas = (area.double() for area in args[:4])
        return IoUMetric.total_area_to_metrics(*areas, *args[4:], **kwargs)


class _MapMetric(BaseMetric):
    """What the metrics of one map share: its pixels that count, in numpy, whose sums are exact."""

    field: Field

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Compare prediction and truth of each image, or raise a ValueError."""
        for sample in data_samples:
            pred, gt, mask = self._read(sample)
            valid = mask & self.valid(gt)
            pred, gt = pred[:, valid], gt[:, valid]  # (C, P)
            bad = int((~np.isfinite(pred)).sum())
            if bad:
                raise ValueError(
                    f'the prediction for {image_name(sample)} has {bad} values that are NaN or '
                    'infinite. Look at the checkpoint and at the precision (`--amp`).'
                )
            lost = int(mask.sum()) - pred.shape[1]
            self.results.append(dict(self.measure(pred, gt), lost=lost))

    def valid(self, gt: np.ndarray) -> np.ndarray:
        """Pixels of the ground truth (C, H, W) that count, bool (H, W)."""
        raise NotImplementedError

    def measure(self, pred: np.ndarray, gt: np.ndarray) -> dict[str, Any]:
        """What one image adds to the results, from prediction and truth (C, P)."""
        raise NotImplementedError

    def _read(self, sample: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Prediction, ground truth (C, H, W), float, and ``gt_human_mask`` or all, bool (H, W)."""
        names = [self.field.pred_name, self.field.gt_name, HUMAN_MASK.gt_name]
        missing = [name for name in names[:2] if name not in sample]
        if missing:
            raise ValueError(
                f'the sample of {image_name(sample)} must have `{missing[0]}`, but it has '
                f'{sorted(sample)}. Pack the ground truth, and use the model of the task.'
            )
        there = [name for name in names if name in sample]
        maps = [sample[name]['data'].detach().cpu().float().numpy() for name in there]
        size = maps[1].shape[-2:]
        for name, array in zip(there, maps):
            shape = (1 if name == HUMAN_MASK.gt_name else self.field.channels, *size)
            if array.shape != shape:
                raise ValueError(
                    f'`{name}` of {image_name(sample)} must have the shape {shape}, but got '
                    f'{array.shape}. Predictions and ground truth are compared at the size of the '
                    'ground truth.'
                )
        return maps[0], maps[1], maps[2][0] > 0 if len(maps) > 2 else np.ones(size, dtype=bool)


def _lost(results: Sequence[Mapping[str, Any]]) -> str:
    lost = sum(result['lost'] for result in results)
    return f'{lost} pixels of people without a true value do not count'


@METRICS.register_module()
class RelativeDepthMetric(_MapMetric):
    """RMSE, AbsRel and delta 1-3 of depth that is known up to an affine map.

    For each image, scale and shift are fitted on its valid pixels, the figures are computed on the
    same pixels, and their means over the images are reported, as in the evaluation of `MiDaS
    <https://arxiv.org/abs/1907.01341>`_. The `paper <https://arxiv.org/abs/2408.12569>`_ does not
    say in which space, nor how images are averaged; see ``docs/dense_outputs.md``.

    Valid are pixels with min_depth_eval < ground truth < max_depth_eval, and inside a
    ``gt_human_mask``. The ground truth is larger where farther and above 0; RMSE has its unit. An
    image without a valid pixel is left out and counted in the log.

    Args:
        align (str): What is fitted: 'scale_shift' (least squares), 'scale' (least squares),
            'median' (ratio of medians), or 'none'. Defaults to 'scale_shift'.
        space (str): 'depth' fits the prediction to the ground truth; 'disparity' fits it to 1 /
            ground truth, raises it to 1 / max_depth_eval, at least 1e-6, and takes the reciprocal
            as depth. Defaults to 'depth'.
        depth_metrics (Sequence[str]): Names of the figures, of 'rmse', 'abs_rel', 'd1', 'd2', 'd3',
            'sq_rel', 'rmse_log', 'log10', 'silog'. Defaults to the first five.
        min_depth_eval (float): At least 0. Defaults to 0.
        max_depth_eval (float): Defaults to infinity.
        **kwargs: ``collect_device`` and ``prefix``, as in stock metrics.

    Raises:
        ValueError: If an argument is none of its choices.
    """

    field = DEPTH_MAP

    def __init__(
        self,
        align: str = 'scale_shift',
        space: str = 'depth',
        depth_metrics: Sequence[str] = measures.DEPTH_FIGURES[:5],
        min_depth_eval: float = 0.0,
        max_depth_eval: float = math.inf,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, choices in (
            ('align', align, ALIGNMENTS),
            ('space', space, measures.DEPTH_SPACES),
            *(('depth_metrics', name, measures.DEPTH_FIGURES) for name in depth_metrics),
        ):
            if value not in choices:
                raise ValueError(f'`{name}` must be of {choices}, but got {value!r}')
        if not 0 <= min_depth_eval < max_depth_eval:
            raise ValueError(
                '`min_depth_eval` must be at least 0 and below `max_depth_eval`, but got '
                f'{min_depth_eval} and {max_depth_eval}'
            )
        self.align, self.space, self.depth_metrics = align, space, tuple(depth_metrics)
        self.min_depth_eval, self.max_depth_eval = min_depth_eval, max_depth_eval

    def valid(self, gt: np.ndarray) -> np.ndarray:
        """Depths (1, H, W) between the limits, bool (H, W)."""
        limits = (gt[0] > self.min_depth_eval) & (gt[0] < self.max_depth_eval)
        return limits & has_depth(gt[0])

    def measure(self, pred: np.ndarray, gt: np.ndarray) -> dict[str, float]:
        return measures.evaluate_depth(
            pred[0], gt[0], align=self.align, space=self.space, max_depth=self.max_depth_eval
        )

    def compute_metrics(self, results: Sequence[Mapping[str, float]]) -> dict[str, float]:
        counted = [result for result in results if 'raised' in result]
        raised = int(sum(result['raised'] for result in counted))
        print_log(
            f'Relative depth of {len(counted)} images, aligned by {self.align!r} in {self.space}; '
            f'{len(results) - len(counted)} images without a valid pixel are left out; '
            f'{raised} values were not above 0 after the alignment; {_lost(results)}',
            logger='current',
        )
        by_name = {name: [result[name] for result in counted] for name in self.depth_metrics}
        return {name: measures.mean(values) for name, values in by_name.items()}


@METRICS.register_module()
class NormalAngleMetric(_MapMetric):
    """Mean and median angular error in degrees, and the percentage of angles below some degrees.

    ``pixel/...`` pools the valid pixels of all images, ``image/...`` is the mean of the images' own
    figures; the `paper <https://arxiv.org/abs/2408.12569>`_ does not say which it reports. The
    names are ``mean``, ``median`` and ``a5``, ``a7.5``, ....

    Valid are pixels whose true normal is longer than 0.5 and shorter than 1.5, and inside a
    ``gt_human_mask``. Predictions, in the frame of the truth, may have any length; one of length 0
    counts as 90 degrees. An image without a valid pixel is left out and counted in the log. Medians
    are read from histograms with steps of 0.001 degrees, at most some 300 KB an image.

    Args:
        thresholds (Sequence[float]): Angles in degrees. Defaults to (5, 7.5, 11.25, 22.5, 30).
        **kwargs: ``collect_device`` and ``prefix``, as in stock metrics.

    Raises:
        ValueError: If a threshold is not in (0, 180].
    """

    field = NORMAL_MAP

    def __init__(
        self, thresholds: Sequence[float] = (5, 7.5, 11.25, 22.5, 30), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not all(0 < threshold <= 180 for threshold in thresholds):
            raise ValueError(
                f'`thresholds` must be angles above 0 and up to 180 degrees, but got {thresholds}'
            )
        self.thresholds = tuple(thresholds)

    def valid(self, gt: np.ndarray) -> np.ndarray:
        """Normals (3, H, W) of about length 1, bool (H, W)."""
        return has_normal(gt, dim=0)

    def measure(self, pred: np.ndarray, gt: np.ndarray) -> dict[str, Any]:
        return measures.measure_angles(pred, gt, self.thresholds)

    def compute_metrics(self, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        empty = sum(not result['pixels'] for result in results)
        print_log(
            f'Angles of the normals of {len(results) - empty} images; '
            f'{empty} images without a valid pixel are left out; {_lost(results)}',
            logger='current',
        )
        return measures.normal_figures(results, self.thresholds)
