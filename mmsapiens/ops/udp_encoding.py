"""Heatmaps of keypoints, with the numbers of stock ``generate_udp_gaussian_heatmaps``.

A window of three standard deviations around the nearest pixel, sub-pixel mean, 0 outside. Shapes: B
people, K keypoints, H W height and width of a map, S window side.
"""

import numpy as np
import torch
from torch import Tensor

WINDOW_SIGMAS = 3
MIN_VISIBLE = 0.5


def visible_windows(
    keypoints: np.ndarray, visible: np.ndarray, size_wh: tuple[int, int], sigma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left and upper pixel (K, 2) of the windows of keypoints (K, 2) in pixels of the heatmap,
    whether each is drawn, and weights (K,): ``visible``, or 0 if the window is outside the map."""
    radius = sigma * WINDOW_SIGMAS
    nearest = (keypoints + 0.5).astype(np.int64)
    first = (nearest - radius).astype(np.int64)
    last = (nearest + radius + 1).astype(np.int64)
    labelled = visible >= MIN_VISIBLE
    touches = ((first < size_wh) & (last >= 0)).all(axis=1)
    weights = np.where(labelled & ~touches, 0, visible).astype(visible.dtype)
    return first, labelled & touches, weights


def draw_gaussians(
    heatmaps: np.ndarray, keypoints: np.ndarray, first: np.ndarray, drawn: np.ndarray, sigma: float
) -> None:
    """Draw Gaussians on maps of zeros (K, H, W), float32; others of :func:`visible_windows`."""
    numbers = np.flatnonzero(drawn)  # N of the K maps
    first, keypoints = first[numbers], keypoints[numbers]
    side = int(2 * sigma * WINDOW_SIGMAS + 1)
    pixels = first[..., None] + np.arange(side)  # (N, 2, S)
    # Offsets are small: single precision is enough from here on.
    offsets = (pixels - keypoints[..., None]).astype(np.float32)
    bells = np.exp(np.square(offsets) * np.float32(-0.5 / sigma**2))
    columns, rows = bells[:, 0, None], bells[:, 1, :, None]

    size_wh = heatmaps.shape[2], heatmaps.shape[1]
    start = first.clip(0, size_wh)
    stop = (first + side).clip(0, size_wh)
    for number, row, column, (left, top), (right, bottom), (x, y) in zip(
        numbers, rows, columns, start.tolist(), stop.tolist(), first.tolist()
    ):  # the part of each bell that is inside the map
        window = heatmaps[number, top:bottom, left:right]
        np.multiply(row[top - y : bottom - y], column[:, left - x : right - x], out=window)


def draw_batch(
    keypoints: Tensor, weights: Tensor, size_wh: tuple[int, int], sigma: float
) -> Tensor:
    """Heatmaps (B, K, H, W), float32, of keypoints (B, K, 2) in their pixels, on their device, with
    weights (B, K) of :func:`visible_windows`; below 0.5 a map stays empty."""
    if keypoints.device.type != 'cpu':
        return _draw_whole_maps(keypoints, weights, size_wh, sigma)
    shape = (*keypoints.shape[:2], size_wh[1], size_wh[0])
    heatmaps = torch.from_numpy(np.zeros(shape, dtype=np.float32))
    for maps, points, weight in zip(heatmaps, keypoints, weights):
        array = points.detach().numpy()
        first, drawn, _ = visible_windows(array, weight.detach().numpy(), size_wh, sigma)
        draw_gaussians(maps.numpy(), array, first, drawn, sigma)
    return heatmaps


def _draw_whole_maps(
    keypoints: Tensor, weights: Tensor, size_wh: tuple[int, int], sigma: float
) -> Tensor:
    """:func:`draw_batch` as one product of rows and columns."""
    radius = sigma * WINDOW_SIGMAS
    nearest = (keypoints + 0.5).trunc()
    first = (nearest - radius).trunc()  # (B, K, 2)
    side = int(2 * radius + 1)
    bells = []
    for axis, length in enumerate(size_wh):
        pixels = torch.arange(length, device=keypoints.device)
        inside = pixels >= first[..., axis, None]
        inside = inside & (pixels < first[..., axis, None] + side)
        offsets = pixels - keypoints[..., axis, None]  # (B, K, length)
        bells.append(torch.exp(-offsets.square() / (2 * sigma**2)) * inside)
    rows = bells[1] * (weights >= MIN_VISIBLE)[..., None]
    return (rows[..., :, None] * bells[0][..., None, :]).float()
