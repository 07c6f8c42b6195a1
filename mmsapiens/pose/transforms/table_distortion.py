"""Random colors of images with keypoints, through tables."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from mmpose.datasets.transforms import PhotometricDistortion

from ...registry import TRANSFORMS
from ...transforms.color_tables import IDENTITY, change_hsv


@TRANSFORMS.register_module()
class PoseTableDistortion(PhotometricDistortion):
    """Stock ``PhotometricDistortion``, of 8-bit images in half the time.

    Draws and pixels are those of the stock class, which computes in float what a table of 256
    values gives. Contrast of mode 1 is changed twice there, hence here. Images of another type go
    through the stock code.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change the colors of ``img``, BGR (H, W, 3).

        Args:
            results (dict): With ``img``, which is not written to.

        Returns:
            dict: With another ``img``.
        """
        img = results['img']
        if img.dtype != np.uint8:
            return super().transform(results)
        (
            is_early,
            with_brightness,
            with_contrast,
            hsv_mode,
            with_swap,
            brightness,
            contrast,
            saturation,
            hue,
            order,
        ) = self._random_flags()
        table = IDENTITY
        if with_brightness:
            table = self._convert(table, beta=brightness)
        if is_early and with_contrast:
            table = self._convert(table, alpha=contrast)
        img = cv2.LUT(img, table) if table is not IDENTITY else img
        if hsv_mode:
            hues = saturations = None
            if hsv_mode in (1, 3):
                saturations = self._convert(IDENTITY, alpha=saturation)
            if hsv_mode in (2, 3):
                hues = (IDENTITY.astype(int) + hue).astype(np.uint8)
            img = change_hsv(img, hues, saturations)
        if is_early and with_contrast:
            img = cv2.LUT(img, self._convert(IDENTITY, alpha=contrast))
        if with_swap:
            planes = cv2.split(img)
            img = cv2.merge([planes[channel] for channel in order])
        results['img'] = img
        return results
