"""Random colors of images with maps, through tables."""

from __future__ import annotations

import cv2
import numpy as np
from mmseg.datasets.transforms import PhotoMetricDistortion
from numpy import random

from ...registry import TRANSFORMS
from ...transforms.color_tables import IDENTITY, change_hsv


@TRANSFORMS.register_module()
class TableDistortion(PhotoMetricDistortion):
    """Stock ``PhotoMetricDistortion``, of 8-bit images in half the time.

    Draws and pixels are those of the stock class, which computes in float what a table of 256
    values gives. Images of another type go through the stock code.
    """

    def convert(self, img: np.ndarray, alpha: float = 1, beta: float = 0) -> np.ndarray:
        """Scale and shift.

        Args:
            img (np.ndarray): (H, W, 3), or a table.
            alpha (float): Factor. Defaults to 1.
            beta (float): Added after it. Defaults to 0.

        Returns:
            np.ndarray: uint8, clipped to [0, 255].
        """
        if img.dtype != np.uint8 or img.ndim == 1:
            return super().convert(img, alpha, beta)
        return cv2.LUT(img, super().convert(IDENTITY, alpha, beta))

    def saturation(self, img: np.ndarray) -> np.ndarray:
        """Change the saturation, or not, of a BGR image (H, W, 3)."""
        if img.dtype != np.uint8:
            return super().saturation(img)
        if not random.randint(2):
            return img
        factor = random.uniform(self.saturation_lower, self.saturation_upper)
        return change_hsv(img, saturation=self.convert(IDENTITY, factor))

    def hue(self, img: np.ndarray) -> np.ndarray:
        """Turn the hues, or not, of a BGR image (H, W, 3)."""
        if img.dtype != np.uint8:
            return super().hue(img)
        if not random.randint(2):
            return img
        delta = random.randint(-self.hue_delta, self.hue_delta)
        hues = ((IDENTITY.astype(int) + delta) % 180).astype(np.uint8)
        return change_hsv(img, hue=hues)
