"""The stock visualizer of poses with drawings of this package."""

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
    """Stock visualizer with colors by group and sizes by box, for 17, 133 or 308 keypoints.

    With ``skeleton_style='openpose'`` the image is the black canvas that ControlNet takes, see
    :func:`draw_openpose`. Arguments are stock's.
    """

    def _draw_instances_kpts(
        self,
        image: np.ndarray,
        instances: InstanceData,
        kpt_thr: float = 0.3,
        show_kpt_idx: bool = False,
        skeleton_style: str = 'mmpose',
    ) -> np.ndarray:
        count = instances.keypoints.shape[1] if 'keypoints' in instances else 0
        if count not in BY_SIZE:
            return super()._draw_instances_kpts(
                image, instances, kpt_thr, show_kpt_idx, skeleton_style
            )
        is_moved = 'transformed_keypoints' in instances
        people = np.asarray(instances.transformed_keypoints if is_moved else instances.keypoints)
        scores = instances.get('keypoints_visible', instances.get('keypoint_scores'))
        scores = np.ones(people.shape[:2]) if scores is None else np.asarray(scores)
        if scores.ndim == 3:  # the stock converter appends a weight
            scores = scores[..., 0]
        if skeleton_style == 'openpose':
            return draw_openpose(people, scores, BY_SIZE[count], image.shape[:2], kpt_thr)
        boxes = [None] * len(people)
        if 'bboxes' in instances and not is_moved:
            boxes = np.asarray(instances.bboxes)
        image = np.ascontiguousarray(image)
        keypoint_set = get_keypoint_set(BY_SIZE[count])
        for points, values, box in zip(people, scores, boxes):
            draw_person(image, points, values, keypoint_set, kpt_thr, box, show_kpt_idx)
        self.set_image(image)
        return image
