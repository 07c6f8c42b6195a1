"""A foreground with its opacity on another background.

Colors are in 0 to 1, of the sRGB curve. Shapes: (..., 3, H, W) colors, (..., 1, H, W) opacity.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .opacity import MIN_ALPHA

TOLERANCE = 1e-3
"""So much may values be beyond 0 to 1, as resizing and half precision leave them."""
STRIP_PIXELS = 1 << 18


def to_linear(color: Tensor) -> Tensor:
    """Amounts of light of sRGB values."""
    return torch.where(
        color <= 0.04045, color / 12.92, ((color.clamp(min=0) + 0.055) / 1.055) ** 2.4
    )


def to_srgb(light: Tensor) -> Tensor:
    """sRGB values of amounts of light."""
    curve = 1.055 * light.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    return torch.where(light <= 0.0031308, 12.92 * light, curve)


def composite(
    foreground: Tensor, alpha: Tensor, background: Tensor, is_linear: bool = True
) -> Tensor:
    """What is seen of a premultiplied foreground before a background, in 0 to 1.

    Light adds up, sRGB values do not: ``is_linear`` takes the opacity as a share of light, as in a
    photograph. False adds ``foreground + (1 - alpha) * background``, as the reference's demo.
    """
    for name, values in dict(foreground=foreground, alpha=alpha, background=background).items():
        low, high = (float(each) for each in values.detach().aminmax())
        if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
            raise ValueError(
                f'`{name}` must be in 0 to 1, but got {low:.6g} to {high:.6g}. Divide bytes by 255.'
            )
    if not is_linear:
        return (foreground + (1 - alpha) * background).clamp(0, 1)
    color = (foreground / alpha.clamp(min=MIN_ALPHA)).clamp(0, 1)
    light = alpha * to_linear(color) + (1 - alpha) * to_linear(background)
    return to_srgb(light).clamp(0, 1)


def composite_on(matte: NDArray, background: NDArray) -> NDArray:
    """:func:`composite` of a matte, float32 (H, W, 4), and an image, uint8 (H, W, 3), RGB like it;
    some rows at a time."""
    if matte.shape[:2] != background.shape[:2]:
        sizes = f'{matte.shape[:2]} of the matte, but got {background.shape[:2]}'
        raise ValueError(f'`background` must have height and width {sizes}')
    result: NDArray = np.empty_like(background)
    rows = max(1, STRIP_PIXELS // max(1, matte.shape[1]))
    for top in range(0, len(matte), rows):
        part = torch.from_numpy(np.ascontiguousarray(matte[top : top + rows])).permute(2, 0, 1)
        behind = torch.from_numpy(background[top : top + rows].astype(np.float32)) / 255
        part = part.clamp(0, 1)  # as predictions of other heads may be
        seen = composite(part[:3], part[3:], behind.permute(2, 0, 1))
        result[top : top + rows] = (seen * 255).round().byte().permute(1, 2, 0).numpy()
    return result


def cover(image: NDArray, size_hw: tuple[int, int]) -> NDArray:
    """The middle of an image (_, _, 3), resized at its own aspect so that it fills a size."""
    height, width = size_hw
    scale = max(height / image.shape[0], width / image.shape[1])
    rows, columns = (max(s, round(scale * old)) for s, old in zip(size_hw, image.shape))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (columns, rows), interpolation=way)
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.ascontiguousarray(resized[top : top + height, left : left + width])
