"""A dataset of the project's own: shoulders and hips, in COCO's layout."""

from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

NAMES = ('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip')


@DATASETS.register_module()
class TorsoDataset(BaseCocoStyleDataset):
    """Four keypoints of each person."""

    METAINFO = dict(
        dataset_name='torso',
        keypoint_info={
            index: dict(
                name=name,
                id=index,
                color=[51, 153, 255],
                type='upper' if 'shoulder' in name else 'lower',
                swap=name.replace('left', 'LEFT').replace('right', 'left').replace('LEFT', 'right'),
            )
            for index, name in enumerate(NAMES)
        },
        skeleton_info={
            index: dict(link=link, id=index, color=[0, 255, 0])
            for index, link in enumerate([(NAMES[0], NAMES[1]), (NAMES[2], NAMES[3])])
        },
        joint_weights=[1.0] * len(NAMES),
        sigmas=[0.079, 0.079, 0.107, 0.107],
    )
