"""From the output of a network back to the image.

Shapes: C channels, H W height and width of the image, h w those of the output.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures.fields import Field

STRIP_VALUES = 2**22  # Numbers in a strip of the resized output, all channels together

CACHED_VALUES = 2**21  # Likewise on a CPU, 8 MB


def _taps(size_in: int, size_out: int, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Bilinear resizing: the pixels before and behind a position, and the share of the latter."""
    y = ((positions.float() + 0.5) * (size_in / size_out) - 0.5).clamp(0, size_in - 1)
    upper = y.long()
    return upper, (upper + 1).clamp(max=size_in - 1), y - upper


def _row_matrix(sizes: Sequence[int], start: int, stop: int) -> tuple[int, Tensor]:
    """Resizing of rows through heights from input to output: the first input row that is needed,
    and weights (stop - start, input rows), float32."""
    matrix = torch.eye(stop - start)
    for size_in, size_out in zip(sizes[-2::-1], sizes[:0:-1]):
        positions = torch.arange(start, start + matrix.shape[1])
        upper, lower, share = _taps(size_in, size_out, positions)
        start = int(upper[0])
        step = torch.zeros(len(positions), int(lower[-1]) + 1 - start)
        number = torch.arange(len(positions))
        step.index_put_((number, upper - start), 1 - share, accumulate=True)
        step.index_put_((number, lower - start), share, accumulate=True)
        matrix = matrix @ step
    return start, matrix


def _strip_by_matrix(
    maps: Tensor, sizes: Sequence[tuple[int, int]], start: int, stop: int
) -> Tensor:
    """Rows of the resized output on a CPU, (C, rows, W)."""
    heights = [maps.shape[1], *(height for height, _ in sizes)]
    first, matrix = _row_matrix(heights, start, stop)
    strip = maps[:, first : first + matrix.shape[1]]
    lines = strip.flatten(0, 1).numpy()  # (C * rows, w)
    for _, width in sizes:
        # Of the numbers of F.interpolate, in a quarter of its time.
        lines = cv2.resize(lines, (width, len(lines)))
    strip = torch.from_numpy(lines.reshape(*strip.shape[:2], -1))
    return matrix @ strip


def _strip_by_lerp(maps: Tensor, size_hw: tuple[int, int], start: int, stop: int) -> Tensor:
    """Rows of the resized output on any device, (C, rows, W)."""
    positions = torch.arange(start, stop, device=maps.device)
    upper, lower, share = _taps(maps.shape[1], size_hw[0], positions)
    share = share[:, None].to(maps.dtype)
    strip = torch.lerp(maps[:, upper], maps[:, lower], share)
    return F.interpolate(strip[None], size=(stop - start, size_hw[1]), mode='bilinear')[0]


def resized_strips(
    maps: Tensor,
    size_hw: tuple[int, int],
    max_values: int | None = None,
    via_hw: tuple[int, int] | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Bilinear resizing of an output (C, h, w), some rows at a time: rows, and (C, rows, W). The
    strips of ``max_values`` numbers are ``F.interpolate(..., mode='bilinear')``, which for 28
    classes on a photograph of 12 megapixels takes 1.4 GB. ``via_hw`` is a size on the way."""
    height, width = size_hw
    sizes = [size_hw] if via_hw is None else [via_hw, size_hw]
    on_cpu = maps.device.type == 'cpu'
    if max_values is None:
        max_values = CACHED_VALUES if on_cpu else STRIP_VALUES
    step = max(1, max_values // max(1, len(maps) * width))
    # Rows are resized by matrices only up, and only numbers: a matrix spreads NaN over its strip.
    heights = [maps.shape[1], *(rows for rows, _ in sizes)]
    is_plain = maps.dtype == torch.float32 and not maps.requires_grad
    is_raised = all(0 < low <= high for low, high in zip(heights, heights[1:]))
    by_matrix = on_cpu and is_plain and is_raised and bool(maps.sum().isfinite())
    if via_hw is not None and not by_matrix:
        maps = F.interpolate(maps[None], size=via_hw, mode='bilinear')[0]
    for start in range(0, height, step):
        stop = min(start + step, height)
        if by_matrix:
            strip = _strip_by_matrix(maps, sizes, start, stop)
        else:
            strip = _strip_by_lerp(maps, size_hw, start, stop)
        yield slice(start, stop), strip


def restore(
    maps: Tensor,
    size_hw: tuple[int, int],
    finish: Callable[[Tensor], Tensor],
    max_values: int | None = None,
    via_hw: tuple[int, int] | None = None,
) -> Tensor:
    """Resize an output (C, h, w) and finish it, (_, H, W), without holding it at full size.
    ``finish`` makes (_, rows, W) of (C, rows, W), each pixel by itself. Others as in
    :func:`resized_strips`."""
    result: Tensor | None = None
    for rows, strip in resized_strips(maps, size_hw, max_values, via_hw):
        part = finish(strip)
        if result is None:
            result = part.new_empty((part.shape[0], *size_hw))
        result[:, rows] = part
    if result is None:
        raise ValueError(f'`size_hw` must not be empty, but got {size_hw}')
    return result


def unflip(maps: Tensor, field: Field, label_pairs: Sequence[Sequence[int]]) -> Tensor:
    """Output (..., C, h, w) for a mirrored image, mirrored back; ``label_pairs`` change sides."""
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
