"""Transforms of people with keypoints."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import KeypointConverter, PhotometricDistortion

from ..keypoints.keypoint_sets import converter_mapping, get_keypoint_set
from ..registry import TRANSFORMS
from ..transforms.color_tables import IDENTITY, change_hsv


@TRANSFORMS.register_module()
class ConvertVocabulary(KeypointConverter):
    """Stock ``KeypointConverter`` between two keypoint sets, for the pipeline of a dataset inside a
    ``CombinedDataset`` with the ``metainfo`` of ``target``; points without a counterpart weigh 0.

    Args:
        source (str): Keypoint set of the dataset, see :mod:`mmsapiens.keypoints.keypoint_sets`.
        target (str): Keypoint set to train in.

    Raises:
        KeyError: If a name is unknown.
    """

    def __init__(self, source: str, target: str) -> None:
        super().__init__(len(get_keypoint_set(target)), converter_mapping(source, target))
        self.source, self.target = source, target

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Convert ``keypoints`` (N, K, 2) and what belongs to them."""
        # The stock converter takes this key for 3D keypoints whatever it is; some stock datasets
        # set it to None.
        if results.get('keypoints_3d', 0) is None:
            del results['keypoints_3d']
        return super().transform(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.source!r}, {self.target!r})'


@TRANSFORMS.register_module()
class RequireVisibleKeypoints(BaseTransform):
    """Drops a sample with too few keypoints; another one is drawn instead.

    Stands after ``GenerateTarget``. The recipe of Sapiens asks for 4 of 17, and for 8 of 133 and
    308. Required key: ``keypoint_weights`` (1, K).

    Args:
        min_visible (int): Smallest sum of the weights; a ValueError unless positive.
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


@TRANSFORMS.register_module()
class PoseTableDistortion(PhotometricDistortion):
    """Stock ``PhotometricDistortion``, with the same draws and pixels, of 8-bit images in half the
    time: by tables of 256 values. Contrast of mode 1 is changed twice there, hence here.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Another ``img``, BGR (H, W, 3), with changed colors."""
        img = results['img']
        if img.dtype != np.uint8:
            return super().transform(results)
        flags = self._random_flags()
        is_early, with_brightness, with_contrast, hsv_mode, with_swap = flags[:5]
        brightness, contrast, saturation, hue, order = flags[5:]
        table = self._convert(IDENTITY, beta=brightness) if with_brightness else IDENTITY
        if is_early and with_contrast:
            table = self._convert(table, alpha=contrast)
        img = img if table is IDENTITY else cv2.LUT(img, table)
        if hsv_mode:
            hues = (IDENTITY.astype(int) + hue).astype(np.uint8) if hsv_mode & 2 else None
            saturations = self._convert(IDENTITY, alpha=saturation) if hsv_mode & 1 else None
            img = change_hsv(img, hues, saturations)
        if is_early and with_contrast:
            img = cv2.LUT(img, self._convert(IDENTITY, alpha=contrast))
        if with_swap:
            img = np.ascontiguousarray(img[..., order])
        results['img'] = img
        return results
