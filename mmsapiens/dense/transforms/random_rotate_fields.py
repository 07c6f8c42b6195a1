"""Random rotation of images with their maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from ...ops.unit_vectors import rotate_vectors
from ...registry import TRANSFORMS
from ...structures.fields import get_field, present_fields
from .checks import check_field_sizes, check_prob

_MAX_CHANNELS = 4
"""OpenCV fills the border of no more channels."""


def rotate_array(array: np.ndarray, degree: float, fill: float, interpolation: int) -> np.ndarray:
    """Turn an array about its center and keep its size.

    Args:
        array (np.ndarray): (H, W) or (H, W, C).
        degree (float): Clockwise, in degrees.
        fill (float): What comes in from outside, in every channel.
        interpolation (int): Code of OpenCV.

    Returns:
        np.ndarray: Of the same shape and type.
    """
    height, width = array.shape[:2]
    if array.ndim == 3 and array.shape[2] > _MAX_CHANNELS:
        parts = [
            rotate_array(part, degree, fill, interpolation) for part in np.moveaxis(array, 2, 0)
        ]
        return np.stack(parts, axis=2)
    center = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(center, -degree, 1.0)
    return cv2.warpAffine(
        np.ascontiguousarray(array),
        matrix,
        (width, height),
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill,) * _MAX_CHANNELS,
    ).reshape(array.shape)


@TRANSFORMS.register_module()
class RandomRotateFields(BaseTransform):
    """Turns the image and every field about the center; the size stays.

    The image is interpolated bilinearly, maps take the nearest pixel, vectors turn with the
    image. The draws are those of stock ``RandomRotate``, which turns only labels.

    Args:
        prob (float): How often, in [0, 1].
        degree (float | Sequence[float]): Smallest and largest angle, clockwise in degrees; one
            number stands for both signs.
        img_fill (float): Value of the image outside. Defaults to 0.
        fill (Mapping[str, float], optional): Name of a field -> its value outside, such as
            ``dict(seg_map=0)`` for background instead of ignored. Defaults to None, that of each
            field in ``FIELDS``.
        rotate_vectors (bool): Whether vectors turn. Defaults to True.

    Raises:
        KeyError: If ``fill`` names an unknown field.
        ValueError: If ``prob`` or ``degree`` is out of range; in use, if a map is not as large as
            its image.
    """

    def __init__(
        self,
        prob: float,
        degree: float | Sequence[float],
        *,
        img_fill: float = 0,
        fill: Mapping[str, float] | None = None,
        rotate_vectors: bool = True,
    ) -> None:
        self.prob = check_prob(prob)
        limits = (-degree, degree) if isinstance(degree, (int, float)) else tuple(degree)
        if len(limits) != 2 or limits[0] > limits[1]:
            raise ValueError(
                '`degree` must be a positive number, or the smallest and the '
                f'largest angle, but got {degree}'
            )
        self.degree = limits
        self.img_fill = img_fill
        self.fill = {get_field(name).name: value for name, value in (fill or {}).items()}
        self.rotate_vectors = rotate_vectors

    @cache_randomness
    def choose_degree(self) -> float | None:
        """Draw an angle, clockwise in degrees; None for no rotation."""
        is_rotated = np.random.rand() < self.prob
        degree = np.random.uniform(*self.degree)
        return degree if is_rotated else None

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn ``img`` (H, W, 3) and any maps."""
        check_field_sizes(results, type(self).__name__)
        degree = self.choose_degree()
        if degree is None:
            return results
        results['img'] = rotate_array(results['img'], degree, self.img_fill, cv2.INTER_LINEAR)
        for field in present_fields(results):
            array = results[field.key]
            if field.is_vector and self.rotate_vectors:
                array = rotate_vectors(array, degree)
            fill = self.fill.get(field.name, field.fill)
            results[field.key] = rotate_array(array, degree, fill, cv2.INTER_NEAREST)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, degree={self.degree}, '
            f'img_fill={self.img_fill}, fill={self.fill})'
        )
