"""Leaving out samples that augmentation has emptied."""

from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class RequireVisibleKeypoints(BaseTransform):
    """Drops a sample with too few keypoints; another one is drawn instead.

    Stands after ``GenerateTarget``, whose keypoint weights are 0 for points that are not labelled
    or have left the image. The recipe of Sapiens asks for 4 of 17, and for 8 of 133 and of 308.

    Required key: ``keypoint_weights`` (1, K).

    Args:
        min_visible (int): Smallest sum of the weights.

    Raises:
        ValueError: If ``min_visible`` is not positive.
    """

    def __init__(self, min_visible: int) -> None:
        if min_visible < 1:
            raise ValueError(f'`min_visible` must be positive, but got {min_visible}')
        self.min_visible = min_visible

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """The sample as it is, or None, which makes the dataset draw again."""
        if results['keypoint_weights'].sum() < self.min_visible:
            return None
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(min_visible={self.min_visible})'
