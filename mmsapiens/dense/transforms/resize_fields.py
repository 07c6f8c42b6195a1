"""Resizing of images with their maps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import Resize

from ...ops.unit_vectors import stretch_vectors
from ...registry import TRANSFORMS
from ...structures.fields import present_fields
from .checks import check_field_sizes


@TRANSFORMS.register_module()
class ResizeFields(Resize):
    """Stock ``Resize`` that brings every field to the image's new size.

    Also as ``resize_type='mmsapiens.ResizeFields'`` of the stock ``RandomResize``. Maps take the
    nearest pixel. Steps that write other values than vectors into a map of vectors, as
    ``GenerateNormalTarget(background=-1000)``, stand behind.

    Args:
        *args: Those of ``Resize``; ``scale`` is (width, height).
        compensate_vectors (bool): Whether normals follow a stretch of their image, see
            :func:`stretch_vectors`; under ``keep_ratio`` there is none, only rounding. Defaults to
            True; the reference leaves them as they were.
        pixel_centres (bool): Whether a pixel takes the map's value at its
            center, where also the image's is taken. False is OpenCV's
            ``INTER_NEAREST``, as in the reference, whose maps lie up to half
            a pixel beside an image that was made smaller. Defaults to
            True.
        **kwargs: Those of ``Resize``.

    Raises:
        ValueError: In use, if a map is not as large as its image.
    """

    def __init__(
        self, *args: Any, compensate_vectors: bool = True, pixel_centres: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.compensate_vectors = compensate_vectors
        self.interpolation_code = cv2.INTER_NEAREST_EXACT if pixel_centres else cv2.INTER_NEAREST

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize ``img`` (H, W, 3) and any maps."""
        check_field_sizes(results, type(self).__name__)
        return super().transform(results)

    def _resize_seg(self, results: dict[str, Any]) -> None:
        """Resize all fields; the stock method does so with labels."""
        for field in present_fields(results):
            array = results[field.key]
            if array.shape[:2] == results['img'].shape[:2]:
                continue
            resized = self._resize_map(array, results['img'].shape[:2])
            is_stretched = self.compensate_vectors and not self.keep_ratio
            if field.is_vector and is_stretched:
                (height, width), (old_height, old_width) = (resized.shape[:2], array.shape[:2])
                resized = stretch_vectors(resized, width / old_width, height / old_height)
            results[field.key] = resized

    def _resize_map(self, array: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
        height, width = size_hw
        return cv2.resize(array, (width, height), interpolation=self.interpolation_code)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, '
            f'scale_factor={self.scale_factor}, '
            f'keep_ratio={self.keep_ratio}, '
            f'compensate_vectors={self.compensate_vectors})'
        )
