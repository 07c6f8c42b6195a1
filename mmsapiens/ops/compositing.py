"""A foreground with its opacity on another background.

Colors are in 0 to 1, of the sRGB curve. Shapes: (..., 3, H, W) colors, (..., 1, H, W) opacity.
"""

from __future__ import annotations

import torch
from torch import Tensor

MIN_ALPHA = 1e-4
"""A foreground of less opacity has no color."""
TOLERANCE = 1e-3
"""So much may values be beyond 0 to 1, as resizing and half precision leave them."""


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
