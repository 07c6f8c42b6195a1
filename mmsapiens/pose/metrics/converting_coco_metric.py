"""COCO evaluation of models with more keypoints than COCO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.evaluation.metrics import CocoMetric

from ...keypoints.keypoint_sets import convert_keypoints, get_keypoint_set, read_metainfo
from ...registry import METRICS


@METRICS.register_module()
class ConvertingCocoMetric(CocoMetric):
    """Stock ``CocoMetric`` in front of which predictions are converted.

    Stock's own ``pred_converter`` needs a dataset of the target set; here a model of 133 or
    308 keypoints is evaluated with its own loader on the 17 of COCO, for instance beside
    :class:`WholeBodyMetric` in one run.

    Args:
        source (str): Keypoint set of the predictions, see :mod:`mmsapiens.keypoints.keypoint_sets`.
        target (str): Keypoint set of ``ann_file``. Defaults to 'coco'.
        **kwargs: Arguments of ``CocoMetric``.

    Raises:
        KeyError: If a keypoint set is unknown.
    """

    def __init__(self, source: str, target: str = 'coco', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        get_keypoint_set(source)  # refuses unknown names
        self.source, self.target = source, target
        self._target_meta = parse_pose_metainfo(read_metainfo(target))

    @property
    def dataset_meta(self) -> dict | None:
        """Metainfo of ``target``, whatever that of the loader is."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = self._target_meta

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Convert and collect a batch; the samples are left as they are.

        Args:
            data_batch (Sequence[dict]): From the loader.
            data_samples (Sequence[dict]): From the model, with ``pred_instances`` in the keypoint
                set ``source``.
        """
        converted = []
        for sample in data_samples:
            pred = dict(sample['pred_instances'])
            pred['keypoints'], pred['keypoint_scores'] = convert_keypoints(
                pred['keypoints'], pred['keypoint_scores'], self.source, self.target
            )
            converted.append(dict(sample, pred_instances=pred))
        super().process(data_batch, converted)
