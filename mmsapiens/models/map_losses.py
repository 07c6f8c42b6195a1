"""Losses of albedo, point maps and mattes, and those of normals that the second generation adds.

Pure functions, scalars, computed in float32 or wider; each says its formula. Gradients are finite
everywhere, and 0 where nothing counts. L1 and cosine losses are in :mod:`.losses`.

Shapes: B batch, H W pixels; predictions and targets (B, C, H, W), masks bool (B, H, W). N is the
number of valid pixels of the whole batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.cameras import canonical_scale, pixel_grid
from ..ops.unit_vectors import unit_vectors
from .losses import full_precision, normal_cosine_loss, normal_l1_loss, scale_invariant_log_loss

CLAMP = 4.0
"""Largest value of the relative losses of point maps, above which their gradient is 0."""
KNOWN_ALPHA = 0.996
"""Where alpha is at least this, or 0, the color of the foreground is known from the image."""


def squared_gradient_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean over pairs of neighbors of the squared difference of their differences.

    Sum over channels; the sums of horizontal and of vertical pairs are each divided by the number
    of pairs whose pixels are both valid. The reference calls it an L1 loss of gradients.
    """
    error = _error(pred, target, valid)
    total = error.new_zeros(())
    for dim in (-1, -2):
        count = error.shape[dim] - 1
        both = valid.narrow(dim, 0, count) & valid.narrow(dim, 1, count)
        step = error.diff(dim=dim).square() * both[:, None]
        total = total + step.sum() / both.sum().clamp(min=1)
    return total


def _error(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Prediction minus target, 0 where nothing counts, whatever is there."""
    return torch.where(valid[:, None], full_precision(pred) - full_precision(target), 0)


def albedo_gradient_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Half of :func:`squared_gradient_loss`."""
    return squared_gradient_loss(pred, target, valid) / 2


def chromaticity_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """L1 loss of ``RGB / (R + G + B + 1e-6)``, of predictions clamped to 0..1."""

    def share(color: Tensor) -> Tensor:
        return color / (color.sum(dim=1, keepdim=True) + 1e-6)

    pred = full_precision(pred).clamp(0, 1)
    return normal_l1_loss(share(pred), share(full_precision(target)), valid)


def low_frequency_loss(pred: Tensor, target: Tensor, valid: Tensor, factor: int = 4) -> Tensor:
    """L1 loss of both averaged over cells of about ``factor`` pixels and enlarged again.

    Only valid pixels enter averages, also of the enlarged map. Not in the recipe.
    """
    size = [max(1, side // factor) for side in valid.shape[1:]]

    def smooth(maps: Tensor) -> Tensor:
        cells = F.adaptive_avg_pool2d(maps, size)
        return F.interpolate(cells, size=valid.shape[1:], mode='bilinear')

    share = smooth(valid[:, None].to(full_precision(pred))) + 1e-6
    low, true = (smooth(_masked(each, valid)) / share for each in (pred, target))
    return normal_l1_loss(low, true, valid)


def normal_losses(pred: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """All losses of normals with the weights of the recipe."""
    return dict(
        loss_cosine=10 * normal_cosine_loss(pred, target, valid),
        loss_l1=normal_l1_loss(pred, target, valid),
        loss_gradient=10 * squared_gradient_loss(pred, target, valid),
    )


def albedo_losses(pred: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """All losses of albedo with the weights of the recipe."""
    return dict(
        loss_l1=2 * normal_l1_loss(pred, target, valid),
        loss_gradient=2 * albedo_gradient_loss(pred, target, valid),
        loss_chromaticity=chromaticity_loss(pred, target, valid),
    )


def multiscale_l1_loss(pred: Tensor, target: Tensor, valid: Tensor, factor: int = 2) -> Tensor:
    """L1 loss of both enlarged bilinearly; of the mask the nearest pixel."""
    pred, target = (
        F.interpolate(full_precision(each), scale_factor=factor, mode='bilinear')
        for each in (pred, target)
    )
    mask = valid.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)
    return normal_l1_loss(pred, target, mask)


def log_depth_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Scale-invariant logarithmic loss of z of points (B, 3, H, W), not below 1e-4.

    Mean over the samples of ``sqrt(mean(d^2) - mean(d)^2 / 2)``, d the difference of logarithms.
    """
    return scale_invariant_log_loss(pred[:, 2], target[:, 2], valid, eps=1e-4).mean()


def shift_invariant_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """L1 loss of points, each cloud minus the mean of its valid points."""
    mask = valid[:, None]
    count = mask.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    pred, target = (torch.where(mask, full_precision(each), 0) for each in (pred, target))
    pred, target = (each - each.sum(dim=(2, 3), keepdim=True) / count for each in (pred, target))
    return normal_l1_loss(pred, target, valid)


def intrinsics_loss(pred: Tensor, intrinsics: Tensor, valid: Tensor) -> Tensor:
    """Sum of ``|x - (u - cx) z / fx| + |y - (v - cy) z / fy|`` over N.

    Intrinsics (B, 3, 3) are those of the input, before canonical scaling.
    """
    pred, matrix = full_precision(pred), full_precision(intrinsics)
    fx, fy, cx, cy = (matrix[:, i, j, None, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    x, y, z = torch.where(valid[:, None], pred, 0).unbind(dim=1)
    u, v = pixel_grid(z)
    error = (x - (u - cx) * z / fx).abs() + (y - (v - cy) * z / fy).abs()
    return (error * valid).sum() / valid.sum().clamp(min=1)


def surface_normals(points: Tensor) -> Tensor:
    """Unit normals (B, 3, H, W) of points by their right and lower neighbors; 0 where none is."""
    padded = F.pad(100 * full_precision(points), (0, 1, 0, 1), mode='reflect')
    center = padded[..., :-1, :-1]
    right, down = padded[..., :-1, 1:] - center, padded[..., 1:, :-1] - center
    return unit_vectors(torch.linalg.cross(right, down, dim=1), dim=1)


def pointmap_normal_loss(pred: Tensor, target: Tensor, scale: Tensor, valid: Tensor) -> Tensor:
    """Mean of ``1 - cos + mean(|difference|)`` of the normals of two maps of points.

    Both are divided by the true scale (B, 1) first; valid pixels whose target has a normal count.
    """
    scale = full_precision(scale).view(-1, 1, 1, 1)
    found, true = (surface_normals(full_precision(each) / scale) for each in (pred, target))
    valid = valid & (true.norm(dim=1) > 1e-6)
    error = 1 - (found * true).sum(dim=1) + (found - true).abs().mean(dim=1)
    return torch.where(valid, error, 0).sum() / valid.sum().clamp(min=1)


def scale_l1_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Mean of ``|pred - target|`` of scales (B, 1); true ones are 768 / fx."""
    return (full_precision(pred).flatten() - full_precision(target).flatten()).abs().mean()


def pointmap_losses(
    pred: Tensor, scale: Tensor, target: Tensor, intrinsics: Tensor, valid: Tensor
) -> dict[str, Tensor]:
    """All losses of a point map with the weights of the recipe.

    Canonical points (B, 3, H, W), predicted and true, 0 outside the mask; the predicted scale
    (B, 1); intrinsics (B, 3, 3) of the input, before canonical scaling.
    """
    pred, target = full_precision(pred), full_precision(target)
    true_scale = canonical_scale(full_precision(intrinsics))
    mask = valid[:, None]
    depth = torch.where(mask, target[:, 2:], 0).sum(dim=(1, 2, 3), keepdim=True)
    depth = (depth / mask.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)).clamp(min=1e-4)
    relative = pred / depth, target / depth, valid
    return dict(
        loss_l1=(2 * normal_l1_loss(*relative)).clamp(max=CLAMP),
        loss_multiscale=multiscale_l1_loss(*relative).clamp(max=CLAMP),
        loss_silog=log_depth_loss(pred, target, valid),
        loss_intrinsics=intrinsics_loss(pred, intrinsics, valid),
        loss_shift_invariant=shift_invariant_loss(*relative).clamp(max=CLAMP),
        loss_normal=2 * pointmap_normal_loss(pred, target, true_scale, valid),
        loss_scale=4 * scale_l1_loss(scale, true_scale),
    )


def matte_l1_loss(pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean of ``|pred - target|`` over all pixels; those outside the mask are 0, but count."""
    return (_masked(pred, mask) - _masked(target, mask)).abs().mean()


def _masked(maps: Tensor, mask: Tensor | None) -> Tensor:
    maps = full_precision(maps)
    return maps if mask is None else torch.where(mask[:, None], maps, 0)


def edge_loss(pred: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """:func:`matte_l1_loss` of the Sobel magnitudes ``sqrt(gx^2 + gy^2 + 1e-6)``."""
    return matte_l1_loss(_edges(full_precision(pred)), _edges(full_precision(target)), mask)


def _edges(maps: Tensor) -> Tensor:
    step = maps.new_tensor([-1.0, 0.0, 1.0])
    smooth = maps.new_tensor([1.0, 2.0, 1.0])
    kernels = torch.stack([smooth[:, None] * step, step[:, None] * smooth])[:, None]
    slopes = _filtered(maps, kernels)  # (B * C, 2, H, W)
    return (slopes.square().sum(dim=1) + 1e-6).sqrt().unflatten(0, maps.shape[:2])


def _filtered(maps: Tensor, kernels: Tensor) -> Tensor:
    """Every channel by each of some kernels (n, 1, k, k), with reflected borders."""
    around = kernels.shape[-1] // 2
    padded = F.pad(maps.flatten(0, 1)[:, None], (around,) * 4, mode='reflect')
    return F.conv2d(padded, kernels)


def laplacian_loss(
    pred: Tensor, target: Tensor, mask: Tensor | None = None, levels: int = 5
) -> Tensor:
    """L1 losses of the levels of Laplacian pyramids, level l times 2^l, over their number.

    The last level is the small image itself; maps below 4 pixels are that earlier. Of the mask
    (B, H, W) the nearest pixels count, and all others of a level as 0.
    """
    error = full_precision(pred) - full_precision(target)

    def level_loss(number: int, band: Tensor) -> Tensor:
        if mask is not None:
            near = F.interpolate(mask[:, None].to(band), size=band.shape[-2:])
            band = torch.where(near > 0, band, 0)
        return 2**number * band.abs().mean() / levels

    total = error.new_zeros(())
    for number in range(levels - 1):
        rows, columns = (side // 2 * 2 for side in error.shape[-2:])
        if min(rows, columns) < 4:
            return total + level_loss(number, error)
        error = error[..., :rows, :columns]
        below = _smoothed(error)[..., ::2, ::2]
        spread = torch.zeros_like(error)
        spread[..., ::2, ::2] = 4 * below
        total = total + level_loss(number, error - _smoothed(spread))
        error = below
    return total + level_loss(levels - 1, error)


def _smoothed(maps: Tensor) -> Tensor:
    taps = maps.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = (taps[:, None] * taps)[None, None]
    return _filtered(maps, kernel)[:, 0].unflatten(0, maps.shape[:2])


def known_foreground(alpha: Tensor) -> Tensor:
    """Pixels (B, H, W) of alpha (B, 1, H, W) whose foreground the image itself shows."""
    return (alpha[:, 0] >= KNOWN_ALPHA) | (alpha[:, 0] == 0)


def matting_losses(
    pred: Tensor, alpha: Tensor, foreground: Tensor, known: Tensor, levels: int = 5
) -> dict[str, Tensor]:
    """All losses of a matte (B, 4, H, W), premultiplied foreground and alpha, of the recipe.

    ``known`` are the pixels whose foreground (B, 3, H, W) is known; alpha (B, 1, H, W) always is.
    """
    parts = dict(alpha=(pred[:, 3:], alpha, None), foreground=(pred[:, :3], foreground, known))
    losses = {}
    for name, (found, true, mask) in parts.items():
        losses[f'loss_l1_{name}'] = matte_l1_loss(found, true, mask)
        losses[f'loss_edge_{name}'] = edge_loss(found, true, mask)
        losses[f'loss_laplacian_{name}'] = laplacian_loss(found, true, mask, levels)
    return losses
