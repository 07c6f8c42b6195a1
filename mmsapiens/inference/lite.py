"""What the reference's small demos do differently, for comparisons.

They are ``lite/demo`` of the `reference implementation
<https://github.com/facebookresearch/sapiens>`_; ``mode='lite'`` of the inferencer gives their
numbers. ``docs/inference.md`` says where and why the default mode differs, and which defects are
not repeated.

Letters: C channels, H W height and width of the image, h w those of the network's output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..structures.fields import Field

MEAN = (123.5, 116.5, 103.5)
STD = (58.5, 57.0, 57.5)
"""RGB, of the small demos; the networks were trained with others."""
PADDING = 1.25
"""Crops are larger than boxes by this factor."""
LENGTH_EPS = 1e-5
"""What the small demo adds to the length of a normal."""


def use_lite_colors(model: nn.Module) -> None:
    """Let a model normalize images as the small demos do."""
    preprocessor = model.data_preprocessor
    for name, values in (('mean', MEAN), ('std', STD)):
        buffer = getattr(preprocessor, name)
        buffer.copy_(buffer.new_tensor(values).view_as(buffer))


def lite_box(
    box: NDArray, size_hw: tuple[int, int], padding: float = PADDING
) -> tuple[NDArray, NDArray]:
    """Center and size of the crop of a small demo.

    Args:
        box (NDArray): x1, y1, x2, y2.
        size_hw (tuple[int, int]): Of the image, whose aspect the crop gets.
        padding (float): Factor of the size. Defaults to 1.25.

    Returns:
        tuple[NDArray, NDArray]: x, y, and width, height, float64 (2,).
    """
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
    center = np.array([x1 + x2, y1 + y2]) / 2
    width, height = (x2 - x1) * padding, (y2 - y1) * padding
    aspect = size_hw[1] / size_hw[0]
    if width > height * aspect:
        height = width / aspect
    else:
        width = height * aspect
    return center, np.array([width, height])


def lite_crop(
    image: NDArray, box: NDArray, input_size_wh: tuple[int, int]
) -> tuple[NDArray, NDArray, NDArray]:
    """The crop of a small demo: of the image's aspect, then squeezed.

    Args:
        image (NDArray): uint8 (H, W, 3).
        box (NDArray): x1, y1, x2, y2.
        input_size_wh (tuple[int, int]): Of the network.

    Returns:
        tuple: The crop, uint8 (h, w, 3), and center and size of what it shows, float64 (2,).
    """
    height, width = image.shape[:2]
    center, scale = lite_box(box, (height, width))
    factors = np.array([width - 1, height - 1]) / scale
    matrix = np.zeros((2, 3))
    matrix[:, :2] = np.diag(factors)
    matrix[:, 2] = factors * (scale / 2 - center)
    warped = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    crop = cv2.resize(warped, input_size_wh, interpolation=cv2.INTER_LINEAR)
    return crop, center, scale


def lite_restore(maps: Tensor, field: Field, size_hw: tuple[int, int]) -> Tensor:
    """Resize an output once, straight to the image, and finish it.

    Args:
        maps (Tensor): Output of the network (C, h, w).
        field (Field): What it shows.
        size_hw (tuple[int, int]): Of the image.

    Returns:
        Tensor: Class ids (1, H, W), or values (C, H, W); vectors have length 1, but for the small
        demo's summand.
    """
    from ..ops.resize_outputs import restore

    def finish(strip: Tensor) -> Tensor:
        if field.is_labels:
            return strip.max(dim=0, keepdim=True).indices
        if field.is_vector:
            return strip / (strip.norm(dim=0, keepdim=True) + LENGTH_EPS)
        return strip

    return restore(maps.float(), size_hw, finish)
