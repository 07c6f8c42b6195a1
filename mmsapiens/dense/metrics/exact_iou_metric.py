"""IoU from integer counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmseg.evaluation.metrics import IoUMetric
from torch import Tensor

from ...evaluation.iou import class_areas
from ...registry import METRICS
from .sample_maps import image_name


@METRICS.register_module()
class ExactIoUMetric(IoUMetric):
    """Stock ``IoUMetric`` that counts in integers.

    The stock one (mmsegmentation 1.2.2) adds areas in float32, which has gaps above 2^24 pixels,
    less than two photographs of twelve megapixels: later images are counted in part, and the
    figures depend on their order. It also leaves out labels that are no class without a word.

    Figures, names and table are those of the stock metric: ``aAcc``, ``mIoU`` and ``mAcc`` in
    percent, over all classes, background included; a class that occurs neither in the labels nor in
    the predictions is NaN in the table and left out of the means.

    Args:
        ignore_index (int): Label of pixels that do not count. Defaults to
            255.
        iou_metrics (Sequence[str]): 'mIoU', 'mDice', 'mFscore'. Defaults to ('mIoU',).
        nan_to_num (int, optional): Figure of a class that never occurs. Defaults to None, to leave
            it out.
        beta (int): Weight of the recall in ``mFscore``. Defaults to 1.
        collect_device (str): As in the stock metric. Defaults to 'cpu'.
        output_dir (str, optional): Folder for the predicted labels as png. Defaults to None.
        format_only (bool): Only write these. Defaults to False.
        prefix (str, optional): Put in front of the names. Defaults to None.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        iou_metrics: Sequence[str] = ('mIoU',),
        nan_to_num: int | None = None,
        beta: int = 1,
        collect_device: str = 'cpu',
        output_dir: str | None = None,
        format_only: bool = False,
        prefix: str | None = None,
    ) -> None:
        super().__init__(
            ignore_index=ignore_index,
            iou_metrics=list(iou_metrics),
            nan_to_num=nan_to_num,
            beta=beta,
            collect_device=collect_device,
            output_dir=output_dir,
            format_only=format_only,
            prefix=prefix,
        )

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Count the pixels of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[Mapping[str, Any]]): Each with ``pred_sem_seg`` and, unless
                ``format_only``, ``gt_sem_seg``, (1, H, W) class ids.

        Raises:
            ValueError: If their sizes differ, or an id is none of the classes.
        """
        for sample in data_samples:
            pred = sample['pred_sem_seg']['data']
            self._check_ids(sample, 'pred_sem_seg', pred)
            if self.format_only:
                continue
            label = sample['gt_sem_seg']['data']
            if label.shape != pred.shape:
                raise ValueError(
                    f'`pred_sem_seg` of {image_name(sample)} must have the '
                    f'shape of `gt_sem_seg`, {tuple(label.shape)}, but got '
                    f'{tuple(pred.shape)}'
                )
            counted = label[label != self.ignore_index]
            self._check_ids(sample, 'gt_sem_seg', counted)
        super().process(data_batch, data_samples)

    def _check_ids(self, sample: Mapping[str, Any], name: str, ids: Tensor) -> None:
        num_classes = len(self.dataset_meta['classes'])
        if ids.numel() and (ids.min() < 0 or ids.max() >= num_classes):
            raise ValueError(
                f'`{name}` of {image_name(sample)} must be below the number '
                f'of classes, {num_classes}, but it has '
                f'{int(ids.min())} to {int(ids.max())}. Use the dataset of '
                "the model's classes, and `ignore_index` for pixels without."
            )

    @staticmethod
    def intersect_and_union(
        pred_label: Tensor, label: Tensor, num_classes: int, ignore_index: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Areas of each class in one image.

        Args:
            pred_label (Tensor): Predicted class ids (H, W).
            label (Tensor): True ones, likewise.
            num_classes (int): Number of classes N.
            ignore_index (int): Label of pixels that do not count.

        Returns:
            tuple[Tensor, Tensor, Tensor, Tensor]: Pixels of the intersection, the union, the
            prediction and the label, int64 (N).
        """
        pred, true = pred_label.cpu().numpy(), label.cpu().numpy()
        areas = torch.from_numpy(class_areas(pred, true, num_classes, ignore_index))
        return areas[0], areas[1], areas[2], areas[3]

    @staticmethod
    def total_area_to_metrics(
        total_area_intersect: Tensor,
        total_area_union: Tensor,
        total_area_pred_label: Tensor,
        total_area_label: Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, np.ndarray]:
        """The stock figures, divided in float64.

        Args:
            total_area_intersect (Tensor): Pixels of all images, int64 (N).
            total_area_union (Tensor): Likewise.
            total_area_pred_label (Tensor): Likewise.
            total_area_label (Tensor): Likewise.
            *args: ``metrics``, ``nan_to_num`` and ``beta`` of the stock one.
            **kwargs: Likewise.

        Returns:
            dict[str, np.ndarray]: Name -> figures of the classes, as fractions.
        """
        return IoUMetric.total_area_to_metrics(
            total_area_intersect.double(),
            total_area_union.double(),
            total_area_pred_label.double(),
            total_area_label.double(),
            *args,
            **kwargs,
        )
