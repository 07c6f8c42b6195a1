"""From the output of a network back to the picture.

Letters: C channels, H W height and width of the picture, h w those of the
output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .fields import Field

STRIP_VALUES = 2**22
"""Numbers in a strip of the resized output, all channels together."""


def resized_strips(
    maps: Tensor, size_hw: tuple[int, int], max_values: int = STRIP_VALUES
) -> Iterator[tuple[slice, Tensor]]:
    """Bilinear resizing, some rows at a time.

    The strips together are ``F.interpolate(..., mode='bilinear')``, which
    for 28 classes on a photograph of 12 megapixels takes 1.4 GB.

    Args:
        maps (Tensor): Output (C, h, w).
        size_hw (tuple[int, int]): Height H and width W.
        max_values (int): Numbers in a strip. Defaults to 2^22, 16 MB.

    Yields:
        tuple[slice, Tensor]: Rows of the picture, and (C, rows, W).
    """
    height, width = size_hw
    channels, rows, _ = maps.shape
    step = max(1, max_values // (channels * width))
    for start in range(0, height, step):
        stop = min(start + step, height)
        # Pixel centres, as with align_corners=False.
        y = torch.arange(start, stop, device=maps.device, dtype=torch.float32)
        y = ((y + 0.5) * (rows / height) - 0.5).clamp(0, rows - 1)
        upper = y.long()
        lower = (upper + 1).clamp(max=rows - 1)
        share = (y - upper)[:, None].to(maps.dtype)
        strip = torch.lerp(maps[:, upper], maps[:, lower], share)
        strip = F.interpolate(
            strip[None], size=(stop - start, width), mode='bilinear'
        )[0]  # (C, rows, W)
        yield slice(start, stop), strip


def restore(
    maps: Tensor,
    size_hw: tuple[int, int],
    finish: Callable[[Tensor], Tensor],
    max_values: int = STRIP_VALUES,
) -> Tensor:
    """Resize an output and finish it, without holding it at full size.

    Args:
        maps (Tensor): Output (C, h, w).
        size_hw (tuple[int, int]): Height H and width W of the picture.
        finish (Callable): Takes (C, rows, W), gives the prediction of these
            rows, such as class ids (1, rows, W). It must treat each pixel by
            itself.
        max_values (int): Numbers in a strip. Defaults to 2^22, 16 MB.

    Returns:
        Tensor: The prediction (_, H, W), on the device of ``maps``.
    """
    result: Tensor | None = None
    for rows, strip in resized_strips(maps, size_hw, max_values):
        part = finish(strip)
        if result is None:
            result = part.new_empty((part.shape[0], *size_hw))
        result[:, rows] = part
    if result is None:
        raise ValueError(f'`size_hw` must not be empty, but got {size_hw}')
    return result


def unflip(
    maps: Tensor, field: Field, label_pairs: Sequence[Sequence[int]]
) -> Tensor:
    """Output for a mirrored picture, as if it had not been mirrored.

    Args:
        maps (Tensor): Output (..., C, h, w), as a function of x mirrored.
        field (Field): What it shows.
        label_pairs (Sequence[Sequence[int]]): Classes on the left and on the
            right side of the body; only for labels.

    Returns:
        Tensor: Likewise: columns reversed, vectors turned, classes of the
        two sides exchanged.
    """
    maps = maps.flip(-1)
    if field.is_labels and label_pairs:
        order = list(range(maps.shape[-3]))
        for first, second in label_pairs:
            order[first], order[second] = second, first
        maps = maps[..., order, :, :]
    if field.negate_on_hflip:
        signs = maps.new_ones(maps.shape[-3])
        signs[list(field.negate_on_hflip)] = -1
        maps = maps * signs[:, None, None]
    return maps
