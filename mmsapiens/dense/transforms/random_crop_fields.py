"""Random windows of images with their maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from ...registry import TRANSFORMS
from ...structures.fields import SEG_MAP, present_fields
from .checks import check_field_sizes


@TRANSFORMS.register_module()
class RandomCropFields(BaseTransform):
    """One random window for the image and every field.

    The stock ``RandomCrop`` cuts only labels, and needs them for its rule on classes. The draws are
    the same. An image that is smaller than the window in a direction is kept whole in this
    direction, not padded.

    Args:
        crop_size (Sequence[int]): Height and width of the window.
        cat_max_ratio (float): The window is drawn again while one class has at least this share of
            its pixels, ignored ones left out, or while there is only one. Needs labels; without
            them nothing is asked. Defaults to 1, no rule.
        tries (int): Largest number of further draws. Defaults to 10.

    Raises:
        ValueError: If ``crop_size`` is not two positive integers, or ``cat_max_ratio`` not in (0,
            1], or ``tries`` negative; in use, if a map is not as large as its image.
    """

    def __init__(
        self, crop_size: Sequence[int], cat_max_ratio: float = 1.0, tries: int = 10
    ) -> None:
        if (
            isinstance(crop_size, (int, float))
            or len(crop_size) != 2
            or any(int(side) != side or side < 1 for side in crop_size)
        ):
            raise ValueError(
                '`crop_size` must be a height and a width, two positive '
                f'integers, but got {crop_size}'
            )
        if not 0 < cat_max_ratio <= 1:
            raise ValueError(f'`cat_max_ratio` must be in (0, 1], but got {cat_max_ratio}')
        if tries < 0:
            raise ValueError(f'`tries` must not be negative, but got {tries}')
        self.crop_size = (int(crop_size[0]), int(crop_size[1]))
        self.cat_max_ratio = cat_max_ratio
        self.tries = tries

    @cache_randomness
    def choose_window(self, results: dict[str, Any]) -> tuple[slice, slice]:
        """Draw the rows and columns of a window of ``img`` and perhaps labels."""
        size = results['img'].shape[:2]
        window = self._draw(size)
        labels = results.get(SEG_MAP.key)
        if labels is None or self.cat_max_ratio == 1:
            return window
        for _ in range(self.tries):
            if self._is_mixed(labels[window]):
                break
            window = self._draw(size)
        return window

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Cut ``img`` (H, W, 3) and any maps; parts are contiguous, ``img_shape`` is theirs."""
        check_field_sizes(results, type(self).__name__)
        window = self.choose_window(results)
        for key in ('img', *(f.key for f in present_fields(results))):
            results[key] = np.ascontiguousarray(results[key][window])
        results['img_shape'] = results['img'].shape[:2]
        return results

    def _draw(self, size_hw: tuple[int, int]) -> tuple[slice, slice]:
        height, width = self.crop_size
        top = np.random.randint(0, max(size_hw[0] - height, 0) + 1)
        left = np.random.randint(0, max(size_hw[1] - width, 0) + 1)
        return slice(top, top + height), slice(left, left + width)

    def _is_mixed(self, labels: np.ndarray) -> bool:
        labels = np.ascontiguousarray(labels)
        bins = cv2.calcHist([labels], [0], None, [256], [0, 256])
        counts: np.ndarray = bins.ravel().astype(np.int64)
        counts[int(SEG_MAP.fill)] = 0
        several = np.count_nonzero(counts) > 1
        share = counts.max() / max(counts.sum(), 1)
        return bool(several and share < self.cat_max_ratio)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, cat_max_ratio={self.cat_max_ratio})'
        )
