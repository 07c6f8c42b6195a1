"""Keypoints of people; needs mmpose.

Letters: N people, K keypoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ...structures.results import Image, People, PoseResult
from ..lite import lite_crop
from .base import Sample, TaskNetwork

DATASET_KEYS = (
    'dataset_name',
    'flip_indices',
    'upper_body_ids',
    'lower_body_ids',
    'flip_pairs',
    'dataset_keypoint_weights',
    'skeleton_links',
)
"""What MMPose's datasets add to each sample."""


class PoseNetwork(TaskNetwork):
    """A top-down pose estimator: a sample for each person."""

    def pipeline_steps(self) -> Sequence[Mapping[str, Any]]:
        """Those of the test dataset; the small demo has its own crop."""
        steps = list(self.cfg.test_dataloader.dataset.pipeline)
        if self.is_lite:
            return [steps[-1]]
        return steps

    @property
    def input_size_wh(self) -> tuple[int, int]:
        """Width and height of the network's input."""
        width, height = self.cfg.model.head.decoder.input_size
        return int(width), int(height)

    def count(self, people: People) -> int:
        """One sample for each person."""
        return len(people)

    def prepare(self, frame: Image, people: People, index: int) -> Sample:
        """The crop of a person, warped at once to the size of the input."""
        data = self.frame_data(frame)
        meta = self.metainfo
        data.update({key: meta[key] for key in DATASET_KEYS if key in meta})
        rows = slice(index, index + 1)
        data.update(
            id=index,
            img_id=frame.index,
            bbox=people.boxes[rows].astype(np.float32),
            bbox_score=people.scores[rows].astype(np.float32),
        )
        if self.is_lite:
            crop, center, scale = lite_crop(frame.image, people.boxes[index], self.input_size_wh)
            data.update(
                img=crop, input_size=self.input_size_wh, input_center=center, input_scale=scale
            )
        sample: Sample = self.pipeline(data)
        return sample

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list:
        """Keypoints (K, 2) and scores (K,) of each person."""
        samples = self.model.predict(inputs, data_samples)
        return [
            (each.pred_instances.keypoints[0], _scores(each.pred_instances)) for each in samples
        ]

    def finish(self, frame: Image, people: People, outputs: Sequence[Any]) -> PoseResult:
        """People of an image together, in the order of their boxes."""
        count = int(self.metainfo['num_keypoints'])
        name = str(self.metainfo['dataset_name'])
        result = PoseResult(
            np.zeros((len(outputs), count, 2), dtype=np.float32),
            np.zeros((len(outputs), count), dtype=np.float32),
            name,
        )
        for row, (points, scores) in enumerate(outputs):
            result.keypoints[row] = points[:, :2]
            result.scores[row] = scores
        return result


def _scores(instances: Any) -> np.ndarray:
    scores: np.ndarray = np.asarray(instances.keypoint_scores[0])
    return scores
