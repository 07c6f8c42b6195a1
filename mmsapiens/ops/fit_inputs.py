"""Whole images at the size of a network's input: stretched, or fitted and padded.

The numbers are those of the test pipelines of Sapiens2. Shapes: H W height and width of an image.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

INTERPOLATIONS = {'linear': cv2.INTER_LINEAR, 'cubic': cv2.INTER_CUBIC, 'area': cv2.INTER_AREA}


class Padding(NamedTuple):
    """Pixels beside the image in an input."""

    left: int
    right: int
    top: int
    bottom: int

    def cut(self, maps: Tensor) -> Tensor:
        """Maps (..., h, w) without them."""
        height, width = maps.shape[-2:]
        return maps[..., self.top : height - self.bottom, self.left : width - self.right]


def stretch(
    image: NDArray, size_wh: tuple[int, int], shrink: str = 'area', enlarge: str = 'cubic'
) -> NDArray:
    """An image (H, W, 3) at a width and height, whatever its aspect.

    The interpolations are keys of :data:`INTERPOLATIONS`: ``shrink`` where the width becomes less,
    whatever the height does, else ``enlarge``, which for mattes is 'linear'.
    """
    name = shrink if size_wh[0] < image.shape[1] else enlarge
    return cv2.resize(image, size_wh, interpolation=INTERPOLATIONS[name])


def fitted_padding(
    image_hw: tuple[int, int], size_hw: tuple[int, int], is_rounded: bool = False
) -> Padding:
    """What is beside an image that is as large as an input (height, width) allows.

    Its size is cut off to whole pixels, as the reference does in tests, which may leave both sides
    one pixel short; it ``is_rounded`` in its training. The smaller half is at the left and top.
    """
    scale = min(size_hw[1] / image_hw[1], size_hw[0] / image_hw[0])
    rows, columns = (
        max(1, min(limit, round(side * scale) if is_rounded else int(side * scale)))
        for side, limit in zip(image_hw, size_hw)
    )
    vertical, horizontal = size_hw[0] - rows, size_hw[1] - columns
    left, top = horizontal // 2, vertical // 2
    return Padding(left, horizontal - left, top, vertical - top)


def fit_and_pad(
    image: NDArray,
    size_hw: tuple[int, int],
    is_rounded: bool = False,
    interpolation: int = cv2.INTER_LINEAR,
    fill: float = 0,
) -> tuple[NDArray, Padding]:
    """An image or map (H, W) or (H, W, C), centered in an input (height, width).

    Black, or ``fill``, is around it; ``interpolation`` is one of OpenCV.
    """
    padding = fitted_padding(image.shape[:2], size_hw, is_rounded)
    inner = size_hw[1] - padding.left - padding.right, size_hw[0] - padding.top - padding.bottom
    fitted: NDArray = np.full((*size_hw, *image.shape[2:]), fill, dtype=image.dtype)
    rows = slice(padding.top, size_hw[0] - padding.bottom)
    columns = slice(padding.left, size_hw[1] - padding.right)
    fitted[rows, columns] = cv2.resize(image, inner, interpolation=interpolation)
    return fitted, padding


def smooth(maps: Tensor, times: int = 4) -> Tensor:
    """Maps (C, h, w) blurred by a Gaussian of 3x3 pixels and sigma 0.8, some times.

    What the reference's demo does to point maps before it enlarges them.
    """
    taps = maps.new_tensor(cv2.getGaussianKernel(3, 0.8)[:, 0].tolist())
    kernel = (taps[:, None] * taps)[None, None]
    for _ in range(times):
        padded = F.pad(maps[:, None], (1, 1, 1, 1), mode='reflect')
        maps = F.conv2d(padded, kernel)[:, 0]
    return maps
