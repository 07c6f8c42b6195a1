"""Arrays of any kind as images: BGR, uint8.

Letters: H W height and width of the image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.read_errors import ReadError

WHITE = (255, 255, 255)


def to_uint8(values: NDArray, source: str) -> NDArray:
    """Numbers of any type as 0 to 255.

    uint16 is scaled by 1 / 257. Floating point numbers are taken as [0, 1] if none is above 1, else
    as [0, 255]. Other integers must fit.

    Args:
        values (NDArray): Any shape.
        source (str): For messages.

    Returns:
        NDArray: uint8, of the same shape.

    Raises:
        ReadError: If values are out of range or not finite.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype.kind not in 'iuf':
        raise ReadError(f'{source} must hold numbers, but its type is {values.dtype}')
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if not (low >= 0 and high <= 255):  # also if NaN
        raise ReadError(
            f'{source} has values from {low} to {high} of type '
            f'{values.dtype}, but an image has [0, 1] or [0, 255]. Scale it '
            'first.'
        )
    if values.dtype.kind == 'f':
        factor = 255 if high <= 1 else 1
        return (values * factor + 0.5).clip(0, 255).astype(np.uint8)
    return values.astype(np.uint8)


def array_to_bgr(
    array: NDArray,
    source: str,
    *,
    channel_order: str = 'bgr',
    alpha_background: tuple[int, int, int] = WHITE,
) -> NDArray:
    """An array as an image.

    Args:
        array (NDArray): (H, W) or (H, W, 1) gray, (H, W, 3) colors, or (H, W, 4) colors and
            opacity; types as in :func:`to_uint8`.
        source (str): For messages.
        channel_order (str): 'bgr' or 'rgb'. Defaults to 'bgr'.
        alpha_background (tuple[int, int, int]): RGB behind transparent pixels. Defaults to white.

    Returns:
        NDArray: BGR, uint8 (H, W, 3), contiguous.

    Raises:
        ReadError: If the shape or the values are no image's.
    """
    gray = array[..., None] if array.ndim == 2 else array
    if gray.ndim != 3 or gray.shape[-1] not in (1, 3, 4) or not gray.size:
        hint = ''
        if array.ndim == 3 and array.shape[0] in (1, 3):
            hint = ' It seems to have its channels first: transpose it.'
        raise ReadError(
            f'{source} must have the shape (H, W), (H, W, 1), (H, W, 3) or '
            f'(H, W, 4), but got {array.shape}.{hint}'
        )
    pixels = to_uint8(gray, source)
    if pixels.shape[-1] == 1:
        return np.ascontiguousarray(np.repeat(pixels, 3, axis=-1))
    colors = pixels[..., :3]
    if channel_order == 'rgb':
        colors = colors[..., ::-1]
    if pixels.shape[-1] == 4:
        behind = np.array(alpha_background[::-1], dtype=np.float32)
        opacity = pixels[..., 3:].astype(np.float32) / 255
        mixed = colors * opacity + behind * (1 - opacity)
        colors = (mixed + 0.5).astype(np.uint8)
    return np.ascontiguousarray(colors)
