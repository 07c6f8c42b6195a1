"""What happens to directions when their picture is transformed.

Vectors are in the last axis: x to the right and y up in the picture, then
any further components. Pixels without one are zero and stay zero.
"""

from __future__ import annotations

import numpy as np

MIN_LENGTH = 1e-6
"""Shorter vectors are none: their direction is rounding."""


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1.

    Args:
        vectors (np.ndarray): Floating point, (..., C). It is not changed.

    Returns:
        np.ndarray: Of the same shape and type; vectors shorter than 1e-6
        become zero.
    """
    square = np.einsum('...c,...c->...', vectors, vectors, dtype=np.float64)
    length = np.sqrt(square)[..., None]  # (..., 1)
    units = np.zeros_like(vectors)
    np.divide(
        vectors, length, out=units, where=length > MIN_LENGTH, casting='unsafe'
    )
    return units


def stretch_vectors(
    vectors: np.ndarray, scale_x: float, scale_y: float
) -> np.ndarray:
    """Unit normals of the surface that a stretched picture shows.

    A picture says nothing about a stretch in depth; the geometric mean of
    the two in the picture is taken. So a uniform scale changes nothing.

    Args:
        vectors (np.ndarray): Normals, floating point, (..., C). It is not
            changed.
        scale_x (float): New width of the picture over its old one.
        scale_y (float): The same of the height.

    Returns:
        np.ndarray: Unit vectors of the same shape and type.
    """
    mean = (scale_x * scale_y) ** 0.5
    factors = np.ones(vectors.shape[-1], dtype=vectors.dtype)
    # Normals stretch by the inverse of what surfaces do.
    factors[:2] = mean / scale_x, mean / scale_y
    return unit_vectors(vectors * factors)


def rotate_vectors(vectors: np.ndarray, degree: float) -> np.ndarray:
    """Turn vectors with their picture.

    Args:
        vectors (np.ndarray): Floating point, (..., C). It is not changed.
        degree (float): Clockwise as one looks at the picture, in degrees.

    Returns:
        np.ndarray: Of the same shape and type.
    """
    sin, cos = np.sin(np.deg2rad(degree)), np.cos(np.deg2rad(degree))
    x, y = vectors[..., 0], vectors[..., 1]
    turned = vectors.copy()
    turned[..., 0] = cos * x + sin * y
    turned[..., 1] = cos * y - sin * x
    return turned
