"""What ``lite/demo`` of the `reference <https://github.com/facebookresearch/sapiens>`_ does
differently; ``docs/inference.md`` says where and why, and which defects are not repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..models.input_rule import InputRule
from ..ops.resize_outputs import restore
from ..structures.fields import Field

MEAN = (123.5, 116.5, 103.5)
STD = (58.5, 57.0, 57.5)
"""RGB, of the small demos; the networks were trained with others."""
LENGTH_EPS = 1e-5
"""What the small demo adds to the length of a normal."""


@dataclass(frozen=True)
class LiteRule(InputRule):
    """Crops of the image's aspect that are then squeezed; outputs resized once."""

    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    def box_geometry(self, box: NDArray, image_hw: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """Center and size of the crop, which has the aspect of the image, float64 (2,)."""
        x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
        center = np.array([x1 + x2, y1 + y2]) / 2
        width, height = (x2 - x1) * self.box_padding, (y2 - y1) * self.box_padding
        aspect = image_hw[1] / image_hw[0]
        if width > height * aspect:
            height = width / aspect
        else:
            width = height * aspect
        return center, np.array([width, height])

    def crop(self, image: NDArray, box: NDArray) -> NDArray:
        """The crop at the size of the image, then at that of the input."""
        height, width = image.shape[:2]
        center, scale = self.box_geometry(box, (height, width))
        factors = np.array([width - 1, height - 1]) / scale
        matrix = np.zeros((2, 3))
        matrix[:, :2] = np.diag(factors)
        matrix[:, 2] = factors * (scale / 2 - center)
        warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
        return self.resize(warped)

    def restore(
        self,
        maps: Tensor,
        image_hw: tuple[int, int],
        finish: Callable[[Tensor], Tensor],
        field: Field,
    ) -> Tensor:
        """Straight to the image; vectors have length 1, but for the small demo's summand."""

        def with_eps(strip: Tensor) -> Tensor:
            return strip / (strip.norm(dim=0, keepdim=True) + LENGTH_EPS)

        return restore(maps.float(), image_hw, with_eps if field.is_vector else finish)
