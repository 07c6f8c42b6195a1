"""Sets of keypoints: names, flips, sigmas, links, groups, correspondences."""

from .keypoint_sets import (
    ANNOTATED_SETS,
    GROUPS,
    KEYPOINT_SETS,
    NO_MATCH,
    KeypointSet,
    common_keypoints,
    convert_keypoints,
    correspondences,
    get_keypoint_set,
    set_of_dataset,
)

__all__ = ['ANNOTATED_SETS', 'GROUPS', 'KEYPOINT_SETS', 'NO_MATCH', 'KeypointSet']
__all__ += ['common_keypoints', 'convert_keypoints', 'correspondences', 'get_keypoint_set']
__all__ += ['set_of_dataset']
