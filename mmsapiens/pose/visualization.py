"""The stock visualizer of poses with drawings of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.structures import InstanceData
from mmpose.visualization import PoseLocalVisualizer

from ..keypoints.keypoint_sets import get_keypoint_set
from ..registry import VISUALIZERS
from ..visualization.keypoints import draw_person
from ..visualization.openpose import draw_openpose

BY_SIZE = {17: 'coco', 133: 'coco_wholebody', 308: 'goliath308'}


@VISUALIZERS.register_module()
class GroupedPoseVisualizer(PoseLocalVisualizer):
    """Stock visualizer with colors by group and sizes by box.

    The vocabulary follows from the number of keypoints: 17, 133 or 308; people of other
    vocabularies are drawn as stock does. With ``skeleton_style='openpose'`` the image is the
    black canvas that ControlNet takes, see :func:`draw_openpose`.

    Args:
        **kwargs: Arguments of the stock visualizer.
    """

    def _draw_instances_kpts(
        self,
        image: np.ndarray,
        instances: InstanceData,
        kpt_thr: float = 0.3,
        show_kpt_idx: bool = False,
        skeleton_style: str = 'mmpose',
    ) -> np.ndarray:
        count = 0
        if 'keypoints' in instances:
            count = instances.keypoints.shape[1]
        if count not in BY_SIZE:
            return super()._draw_instances_kpts(
                image, instances, kpt_thr, show_kpt_idx, skeleton_style
            )
        name = BY_SIZE[count]
        people = _people(instances)
        if skeleton_style == 'openpose':
            return draw_openpose(
                people['keypoints'], people['scores'], name, image.shape[:2], kpt_thr
            )
        image = np.ascontiguousarray(image)
        for index, points in enumerate(people['keypoints']):
            box = people['boxes']
            draw_person(
                image,
                points,
                people['scores'][index],
                get_keypoint_set(name),
                kpt_thr,
                None if box is None else box[index],
                show_kpt_idx,
            )
        self.set_image(image)
        return image


def _people(instances: InstanceData) -> Mapping[str, Any]:
    """Keypoints (N, K, 2), scores (N, K) and boxes (N, 4) of instances."""
    keypoints = np.asarray(instances.get('transformed_keypoints', instances.keypoints))
    for key in ('keypoints_visible', 'keypoint_scores'):
        if key in instances:
            scores = np.asarray(instances.get(key))
            break
    else:
        scores = np.ones(keypoints.shape[:2])
    if scores.ndim == 3:  # the stock converter appends a weight
        scores = scores[..., 0]
    boxes = None
    if 'bboxes' in instances and 'transformed_keypoints' not in instances:
        boxes = np.asarray(instances.bboxes)
    return dict(keypoints=keypoints, scores=scores, boxes=boxes)
