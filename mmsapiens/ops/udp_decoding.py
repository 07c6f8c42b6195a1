"""Keypoints from batches of heatmaps, on the device that the heatmaps are on.

The numbers are those of stock ``UDPHeatmap.decode``: arg-max, then the refinement of
`Distribution-Aware Coordinate Representation <https://arxiv.org/abs/1910.06278>`_ in its `unbiased
form <https://arxiv.org/abs/1911.07524>`_. Stock blurs every map and takes its logarithm, of which
it needs nine pixels; only these are computed here.

Shapes: B people, K keypoints, N = B * K maps, H W height and width of a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

LOG_FLOOR = 1e-3
LOG_CEILING = 50.0
HESSIAN_EPS = torch.finfo(torch.float32).eps
NO_PEAK = -1.0
"""Column and row, in heatmap pixels, of a map without a peak."""
BLURRED_AT_ONCE = 512
"""Maps that are blurred as a whole at a time, 100 MB each 512 of 192x256."""


def blur_matrix(kernel_size: int, device: torch.device) -> Tensor:
    """The blur of stock for the 3 inner of ``kernel_size + 2`` pixels.

    (3, ``kernel_size`` + 2), float32; OpenCV derives the standard deviation from the width (2
    pixels for 11).
    """
    taps = cv2.getGaussianKernel(kernel_size, 0, cv2.CV_32F)[:, 0]
    matrix = torch.zeros(3, kernel_size + 2)
    for row in range(3):
        matrix[row, row : row + kernel_size] = torch.from_numpy(taps)
    return matrix.to(device)


class Maps:
    """Heatmaps, averaged with those of a mirrored input if there are any.

    The average is never stored as a whole on a CPU: each map is averaged while it is in the cache.

    ``maps`` and ``mirrored``, still mirrored, are (N, H, W), float32; ``partner`` (N,) is the
    number of each map in ``mirrored``.
    """

    def __init__(
        self, maps: Tensor, mirrored: Tensor | None = None, partner: Tensor | None = None
    ) -> None:
        self.maps, self.mirrored, self.partner = maps, mirrored, partner
        self.height, self.width = maps.shape[1:]

    def select(self, numbers: Tensor) -> Tensor:
        """Whole maps of the given numbers (M,); (M, H, W)."""
        maps = self.maps[numbers]
        if self.mirrored is None or self.partner is None:
            return maps
        return (maps + self.mirrored[self.partner[numbers]].flip(-1)) * 0.5

    def pixels(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Values at rows (N, h, 1) and columns (N, 1, w); (N, h, w)."""
        number = torch.arange(len(self.maps), device=self.maps.device)
        values = self.maps[number[:, None, None], rows, columns]
        if self.mirrored is None or self.partner is None:
            return values
        columns = self.width - 1 - columns
        mirror = self.mirrored[self.partner[:, None, None], rows, columns]
        return (values + mirror) * 0.5

    def peaks(self) -> tuple[Tensor, Tensor]:
        """Maximum of each map and its position.

        Returns:
            tuple[Tensor, Tensor]: Maximum (N,), NaN where a map has NaN, and flat index (N,),
            int64.
        """
        if self.maps.device.type == 'cpu':
            return self._peaks_cpu()
        everything = torch.arange(len(self.maps), device=self.maps.device)
        whole = self.maps
        if self.mirrored is not None:
            whole = self.select(everything)
        peaks, index = whole.flatten(1).max(dim=1)
        return peaks, index

    def _peaks_cpu(self) -> tuple[Tensor, Tensor]:
        array = self.maps.numpy()
        rows = array.reshape(len(array), -1)
        if self.mirrored is None or self.partner is None:
            index = rows.argmax(axis=1)
            peaks = rows[np.arange(len(rows)), index]
            return torch.from_numpy(peaks), torch.from_numpy(index)
        mirrored, partner = self.mirrored.numpy(), self.partner.tolist()
        index = np.empty(len(array), dtype=np.int64)
        peaks = np.empty(len(array), dtype=array.dtype)
        total = np.empty(array.shape[1:], dtype=array.dtype)
        flat = total.reshape(-1)
        for n, other in enumerate(partner):
            cv2.flip(mirrored[other], 1, dst=total)
            np.add(total, array[n], out=total)
            index[n] = flat.argmax()
            peaks[n] = flat[index[n]]
        return torch.from_numpy(peaks * 0.5), torch.from_numpy(index)


def crop_patches(maps: Maps, x: Tensor, y: Tensor, radius: int) -> Tensor:
    """Squares around one pixel of each map, 0 outside the map.

    At columns ``x`` and rows ``y`` (N,), int64; (N, 2 * radius + 1, 2 * radius + 1).
    """
    height, width = maps.height, maps.width
    steps = torch.arange(-radius, radius + 1, device=x.device)
    columns, rows = x[:, None] + steps, y[:, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < width))[:, None]
    columns = columns.clamp(0, width - 1)[:, None]
    rows = rows.clamp(0, height - 1)[:, :, None]
    return maps.pixels(rows, columns) * inside


def log_neighborhood(maps: Maps, x: Tensor, y: Tensor, peaks: Tensor, kernel_size: int) -> Tensor:
    """Logarithm of the blurred map at the 3x3 pixels around its peak.

    Stock rescales a blurred map to its former maximum and clips it to [1e-3, 50] in front of the
    logarithm. The scale, a constant summand, vanishes in the derivatives; it matters only to what
    is clipped, and the maps where that is possible are blurred as a whole.

    ``x``, ``y`` and ``peaks`` are (N,). (N, 3, 3), the border of the map repeated outside it.
    """
    blur = blur_matrix(kernel_size, x.device)
    patches = crop_patches(maps, x, y, kernel_size // 2 + 1)
    near = blur @ patches @ blur.T  # (N, 3, 3)

    steps = torch.arange(-1, 2, device=x.device)
    rows = (y[:, None] + steps).clamp(0, maps.height - 1) - y[:, None] + 1
    columns = (x[:, None] + steps).clamp(0, maps.width - 1) - x[:, None] + 1
    number = torch.arange(len(x), device=x.device)[:, None, None]
    near = near[number, rows[:, :, None], columns[:, None]]

    # The true scale is at least 1, as a blur cannot raise a maximum, and at most this.
    lowest, highest = near.flatten(1).amin(1), near.flatten(1).amax(1)
    largest = peaks / highest.clamp(min=torch.finfo(near.dtype).tiny)
    uncertain = (lowest < LOG_FLOOR) | (highest * largest > LOG_CEILING)
    numbers = (uncertain & (peaks > 0)).nonzero()[:, 0]
    if len(numbers):
        scale = torch.ones_like(peaks)
        tops = [
            blurred_maximum(maps.select(part), kernel_size)
            for part in numbers.split(BLURRED_AT_ONCE)
        ]
        scale[numbers] = peaks[numbers] / torch.cat(tops)
        near = near * scale[:, None, None]
    return near.clamp(LOG_FLOOR, LOG_CEILING).log()


def blurred_maximum(maps: Tensor, kernel_size: int) -> Tensor:
    """Maximum of each map after the blur of stock, which is 0 outside it.

    (N, H, W), float32, to (N,).
    """
    if maps.device.type == 'cpu':
        kernel_wh = (kernel_size, kernel_size)
        blurred = (
            cv2.GaussianBlur(one, kernel_wh, 0, borderType=cv2.BORDER_CONSTANT)
            for one in maps.numpy()
        )
        tops = np.fromiter((one.max() for one in blurred), np.float32)
        return torch.from_numpy(tops)
    return top_by_matrices(maps, kernel_size)


def top_by_matrices(maps: Tensor, kernel_size: int) -> Tensor:
    """:func:`blurred_maximum` as products of matrices.

    For these a GPU is made; a convolution of a single channel leaves most of it idle.
    """
    rows, columns = (_blur_of_all(size, kernel_size, maps.device) for size in maps.shape[1:])
    return (rows @ maps @ columns).flatten(1).amax(1)


def _blur_of_all(size: int, kernel_size: int, device: torch.device) -> Tensor:
    """The blur along an axis, symmetric, (size, size)."""
    taps = blur_matrix(kernel_size, device)[0, :kernel_size]
    steps = torch.arange(size, device=device)
    offsets = steps[:, None] - steps + kernel_size // 2
    inside = (offsets >= 0) & (offsets < kernel_size)
    return taps[offsets.clamp(0, kernel_size - 1)] * inside


def newton_step(log_maps: Tensor) -> Tensor:
    """From the central pixel to the maximum of a parabola.

    Of log heatmaps (N, 3, 3) what to add to column and row, (N, 2), float64.
    """
    f = log_maps.double()
    center = f[:, 1, 1]
    dx = 0.5 * (f[:, 1, 2] - f[:, 1, 0])
    dy = 0.5 * (f[:, 2, 1] - f[:, 0, 1])
    dxx = f[:, 1, 2] - 2 * center + f[:, 1, 0] + HESSIAN_EPS
    dyy = f[:, 2, 1] - 2 * center + f[:, 0, 1] + HESSIAN_EPS
    dxy = 0.5 * (
        f[:, 2, 2] - f[:, 1, 2] - f[:, 2, 1] + 2 * center - f[:, 1, 0] - f[:, 0, 1] + f[:, 0, 0]
    )
    determinant = dxx * dyy - dxy * dxy
    step_x = (dyy * dx - dxy * dy) / determinant
    step_y = (dxx * dy - dxy * dx) / determinant
    return -torch.stack([step_x, step_y], dim=1)


def decode_udp_heatmaps(
    heatmaps: Tensor,
    input_size_wh: tuple[int, int],
    blur_kernel_size: int = 11,
    mirrored: Tensor | None = None,
    flip_indices: Sequence[int] | None = None,
) -> tuple[Tensor, Tensor]:
    """Keypoints and scores of a batch of heatmaps.

    A map without a peak, whose maximum is not above 0 or that has NaN, gives column and row -1 of
    the heatmap, unrefined, and its maximum as score, or 0 for NaN.

    Args:
        heatmaps (Tensor): (B, K, H, W), any floating type.
        input_size_wh (tuple[int, int]): Width and height in pixels of the input of the network.
        blur_kernel_size (int): Width of the blur, odd. Defaults to 11.
        mirrored (Tensor, optional): Heatmaps (B, K, H, W) of the mirrored input as the network
            gives them; they are mirrored back, swapped and averaged with ``heatmaps``. Defaults to
            None.
        flip_indices (Sequence[int], optional): For each keypoint its counterpart of the other side,
            needed with ``mirrored``. Defaults to None.

    Returns:
        tuple[Tensor, Tensor]: Keypoints (x, y) in pixels of the input, (B, K, 2), float64, and
        scores (B, K), float32, on the device of ``heatmaps``.

    Raises:
        ValueError: If shapes or lengths do not fit, or the kernel is even.
    """
    _check_arguments(heatmaps, blur_kernel_size, mirrored, flip_indices)
    batch, count, height, width = heatmaps.shape
    device = heatmaps.device
    whole = heatmaps.detach().float().flatten(0, 1)
    if mirrored is None or flip_indices is None:
        maps = Maps(whole)
    else:
        partner = torch.as_tensor(flip_indices, device=device)
        first = torch.arange(batch, device=device)[:, None] * count
        other = mirrored.detach().float().flatten(0, 1)
        maps = Maps(whole, other, (first + partner).flatten())
    peaks, index = maps.peaks()
    x, y = index % width, index // width
    logs = log_neighborhood(maps, x, y, peaks, blur_kernel_size)
    points = torch.stack([x, y], dim=1) + newton_step(logs)  # (N, 2)
    points = torch.where((peaks > 0)[:, None], points, NO_PEAK)
    last_wh = points.new_tensor([width - 1, height - 1])
    points = points / last_wh * points.new_tensor(input_size_wh)
    scores = peaks.nan_to_num(0.0)
    return points.view(batch, count, 2), scores.view(batch, count)


def _check_arguments(
    heatmaps: Tensor,
    blur_kernel_size: int,
    mirrored: Tensor | None,
    flip_indices: Sequence[int] | None,
) -> None:
    if heatmaps.ndim != 4:
        raise ValueError(f'`heatmaps` must be (B, K, H, W), but got {tuple(heatmaps.shape)}')
    if blur_kernel_size < 1 or blur_kernel_size % 2 == 0:
        raise ValueError(f'`blur_kernel_size` must be odd and positive, but got {blur_kernel_size}')
    if mirrored is None:
        return
    if mirrored.shape != heatmaps.shape:
        raise ValueError(
            '`mirrored` must have the shape of `heatmaps`, '
            f'{tuple(heatmaps.shape)}, but got {tuple(mirrored.shape)}'
        )
    count = heatmaps.shape[1]
    if flip_indices is None or len(flip_indices) != count:
        got = None if flip_indices is None else len(flip_indices)
        raise ValueError(f'`flip_indices` must have {count} entries, but got {got}')
