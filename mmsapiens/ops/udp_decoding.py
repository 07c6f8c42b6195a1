"""Keypoints from batches of heatmaps, on the device that the heatmaps are on.

The numbers are those of stock ``UDPHeatmap.decode``: arg-max, then the refinement of `DARK
<https://arxiv.org/abs/1910.06278>`_ in its `unbiased form <https://arxiv.org/abs/1911.07524>`_.
Stock blurs every map and takes its logarithm, of which it needs nine pixels; only these are
computed here. Near the border stock blurs zeros into the peak, which moves it by up to two pixels:
there the parabola is fitted to the pixels that exist, unless stock's numbers are asked for.

Shapes: B people, K keypoints, N = B * K maps, H W height and width of a map.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LOG_FLOOR = 1e-3
LOG_CEILING = 50.0
HESSIAN_EPS = torch.finfo(torch.float32).eps
MIN_REACH = 2  # Pixels on each side of a peak that determine a parabola also at the border
NO_PEAK = -1.0  # Column and row, in heatmap pixels, of a map without a peak
BORDERS = ('fit', 'stock')
"""What happens to peaks whose blur leaves the map: a fit to what is inside, or zeros outside."""
BLURRED_AT_ONCE = 512  # Maps that are blurred as a whole at a time, 100 MB each 512 of 192x256


def blur_matrix(kernel_size: int, device: torch.device) -> Tensor:
    """The blur of stock for the 3 inner of S = ``kernel_size + 2`` pixels, (3, S), float32; OpenCV
    derives the standard deviation from the width, 2 pixels for 11."""
    taps = cv2.getGaussianKernel(kernel_size, 0, cv2.CV_32F)[:, 0]
    matrix = torch.zeros(3, kernel_size + 2)
    for row in range(3):
        matrix[row, row : row + kernel_size] = torch.from_numpy(taps)
    return matrix.to(device)


def averaged(maps: Tensor, mirrored: Tensor, flip_indices: Sequence[int]) -> Tensor:
    """Mean of heatmaps (B, K, H, W) and of those of the mirrored input, mirrored back."""
    if maps.device.type != 'cpu':
        return (maps + mirrored[:, list(flip_indices)].flip(-1)) * 0.5
    total: NDArray = np.empty(maps.shape, dtype=np.float32)
    for sums, ours, others in zip(total, maps.numpy(), mirrored.numpy()):
        for number, other in enumerate(flip_indices):  # a third of the time of torch
            cv2.flip(others[other], 1, dst=sums[number])
            sums[number] += ours[number]
    total *= 0.5
    return torch.from_numpy(total)


def crop_patches(maps: Tensor, number: Tensor, x: Tensor, y: Tensor, radius: int) -> Tensor:
    """Squares (M, S, S) around ``x``, ``y`` of the maps (N, H, W) of ``number`` (M,), 0 outside."""
    height, width = maps.shape[1:]
    steps = torch.arange(-radius, radius + 1, device=x.device)
    columns, rows = x[:, None] + steps, y[:, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < width))[:, None]
    columns, rows = columns.clamp(0, width - 1)[:, None], rows.clamp(0, height - 1)[:, :, None]
    return maps[number[:, None, None], rows, columns] * inside


def log_neighborhood(maps: Tensor, x: Tensor, y: Tensor, peaks: Tensor, kernel_size: int) -> Tensor:
    """Logarithm of the blurred maps (N, H, W) at the 3x3 pixels around their peaks, (N, 3, 3).

    Stock rescales a blurred map to its former maximum and clips it to [1e-3, 50] before the
    logarithm. The scale vanishes in the derivatives; it matters only to what is clipped, and the
    maps where that is possible are blurred as a whole.
    """
    blur = blur_matrix(kernel_size, x.device)
    number = torch.arange(len(x), device=x.device)
    patches = crop_patches(maps, number, x, y, kernel_size // 2 + 1)
    near = blur @ patches @ blur.T  # (N, 3, 3)

    height, width = maps.shape[1:]
    steps = torch.arange(-1, 2, device=x.device)
    rows = (y[:, None] + steps).clamp(0, height - 1) - y[:, None] + 1
    columns = (x[:, None] + steps).clamp(0, width - 1) - x[:, None] + 1
    near = near[number[:, None, None], rows[:, :, None], columns[:, None]]

    # The true scale is at least 1, as a blur cannot raise a maximum, and at most this.
    lowest, highest = near.flatten(1).amin(1), near.flatten(1).amax(1)
    largest = peaks / highest.clamp(min=torch.finfo(near.dtype).tiny)
    uncertain = (lowest < LOG_FLOOR) | (highest * largest > LOG_CEILING)
    numbers = (uncertain & (peaks > 0)).nonzero()[:, 0]
    if len(numbers):
        tops = [blurred_maximum(maps[part], kernel_size) for part in numbers.split(BLURRED_AT_ONCE)]
        scale = torch.ones_like(peaks)
        scale[numbers] = peaks[numbers] / torch.cat(tops)
        near = near * scale[:, None, None]
    return near.clamp(LOG_FLOOR, LOG_CEILING).log()


def blurred_maximum(maps: Tensor, kernel_size: int) -> Tensor:
    """Maximum of each map (N, H, W), float32, after the blur of stock, which is 0 outside it."""
    if maps.device.type != 'cpu':
        return top_by_matrices(maps, kernel_size)
    kernel_wh, border = (kernel_size, kernel_size), cv2.BORDER_CONSTANT
    tops = (cv2.GaussianBlur(one, kernel_wh, 0, borderType=border).max() for one in maps.numpy())
    return torch.from_numpy(np.fromiter(tops, np.float32))


def top_by_matrices(maps: Tensor, kernel_size: int) -> Tensor:
    """:func:`blurred_maximum` by matrices: a GPU idles in a convolution of a single channel."""
    taps = blur_matrix(kernel_size, maps.device)[0, :kernel_size]
    blurs = []
    for size in maps.shape[1:]:
        steps = torch.arange(size, device=maps.device)
        offsets = steps[:, None] - steps + kernel_size // 2
        inside = (offsets >= 0) & (offsets < kernel_size)
        blurs.append(taps[offsets.clamp(0, kernel_size - 1)] * inside)
    return (blurs[0] @ maps @ blurs[1]).flatten(1).amax(1)


def newton_step(log_maps: Tensor) -> Tensor:
    """Column and row (N, 2), float64, of a parabola's maximum from the middle of logs (N, 3, 3)."""
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


def fitted_step(patches: Tensor) -> Tensor:
    """:func:`newton_step` of the parabola that fits the logarithm of patches (N, S, S) best.

    Least squares, as for a `Gaussian <https://doi.org/10.1109/MSP.2011.941846>`_: a pixel counts by
    the square of its value and by the blur of stock. At most as far as a patch reaches; 0 where
    there is no maximum.
    """
    side = patches.shape[1]
    radius = side // 2
    share = patches.double() / patches.double().flatten(1).amax(1)[:, None, None]
    taps = torch.from_numpy(cv2.getGaussianKernel(side, 0)[:, 0]).to(patches.device)
    weights = (share.clamp(min=0).square() * taps[:, None] * taps).flatten(1)  # (N, S * S)
    steps = torch.arange(-radius, radius + 1, device=patches.device, dtype=torch.float64)
    y, x = (axis.flatten() for axis in torch.meshgrid(steps, steps, indexing='ij'))
    terms = torch.stack([torch.ones_like(x), x, y, x * x / 2, x * y, y * y / 2], dim=1)
    products = terms.T * weights[:, None]  # (N, 6, S * S)
    matrix = products @ terms
    # Next to nothing: only for maps of a few pixels, which determine no parabola.
    ridge = 1e-10 * matrix.diagonal(dim1=1, dim2=2).sum(1)
    matrix = matrix + torch.eye(6, device=matrix.device) * ridge[:, None, None]
    logs = share.clamp(min=LOG_FLOOR).log().flatten(1)[..., None]
    _, dx, dy, dxx, dxy, dyy = torch.linalg.solve(matrix, products @ logs)[..., 0].T
    determinant = dxx * dyy - dxy * dxy
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=1) / determinant[:, None]
    is_maximum = (dxx < 0) & (determinant > 0)
    return torch.where(is_maximum[:, None], step, 0).clamp(-radius, radius)


def decode_udp_heatmaps(
    heatmaps: Tensor,
    input_size_wh: tuple[int, int],
    blur_kernel_size: int = 11,
    mirrored: Tensor | None = None,
    flip_indices: Sequence[int] | None = None,
    border: str = 'fit',
) -> tuple[Tensor, Tensor]:
    """Keypoints (x, y) in pixels of the input, (B, K, 2), float64, and scores (B, K), float32.

    ``heatmaps`` (B, K, H, W) are averaged with those of the mirrored input, if given, after these
    are mirrored back and swapped by ``flip_indices``. Peaks near the ``border`` of the map are
    treated by 'fit', right for people whom the crop cuts, or 'stock', the numbers of MMPose and of
    the reference. A map without a peak, whose maximum is not above 0 or that has NaN, gives column
    and row -1 of the heatmap, and its maximum as score, or 0 for NaN.
    """
    if heatmaps.ndim != 4:
        raise ValueError(f'`heatmaps` must be (B, K, H, W), but got {tuple(heatmaps.shape)}')
    if mirrored is not None and mirrored.shape != heatmaps.shape:
        raise ValueError(
            f'`mirrored` must have the shape of `heatmaps`, {tuple(heatmaps.shape)}, but got '
            f'{tuple(mirrored.shape)}'
        )
    if blur_kernel_size < 1 or blur_kernel_size % 2 == 0:
        raise ValueError(f'`blur_kernel_size` must be odd and positive, but got {blur_kernel_size}')
    if border not in BORDERS:
        raise ValueError(f'`border` must be one of {BORDERS}, but got {border!r}')
    batch, count, height, width = heatmaps.shape
    if mirrored is not None and len(flip_indices or ()) != count:
        got = None if flip_indices is None else len(flip_indices)
        raise ValueError(f'`flip_indices` must have {count} entries, but got {got}')
    maps = heatmaps.detach().float()
    if mirrored is not None and flip_indices is not None:
        maps = averaged(maps, mirrored.detach().float(), flip_indices)
    maps = maps.flatten(0, 1)
    if maps.device.type == 'cpu':  # a third of the time of torch
        index = torch.from_numpy(maps.flatten(1).numpy().argmax(axis=1))
    else:
        index = maps.flatten(1).argmax(dim=1)
    peaks = maps.flatten(1).gather(1, index[:, None])[:, 0]
    x, y = index % width, index // width
    reach = max(blur_kernel_size // 2 + 1, MIN_REACH)
    near = torch.minimum(torch.minimum(x, width - 1 - x), torch.minimum(y, height - 1 - y)) < reach
    near &= (peaks > 0) & (border == 'fit')
    logs = log_neighborhood(maps, x, y, peaks.where(~near, 0), blur_kernel_size)
    points = torch.stack([x, y], dim=1) + newton_step(logs)  # (N, 2)
    number = near.nonzero()[:, 0]
    if len(number):
        column, row = x[number], y[number]
        step = fitted_step(crop_patches(maps, number, column, row, reach))
        points[number] = torch.stack([column, row], dim=1) + step
    points = torch.where((peaks > 0)[:, None], points, NO_PEAK)
    last_wh = points.new_tensor([width - 1, height - 1])
    points = points / last_wh * points.new_tensor(input_size_wh)
    scores = peaks.nan_to_num(0.0)
    return points.view(batch, count, 2), scores.view(batch, count)
