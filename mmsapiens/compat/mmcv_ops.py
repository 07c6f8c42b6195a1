"""Operators of ``mmcv.ops`` with torchvision, for an mmcv without its compiled ones.

Those that stock configs train with; each has the name and arguments of what it replaces. Boxes are
xyxy in pixels. Shapes: N boxes, R regions, B batch, C channels, H W pixels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.utils import _pair
from torchvision import ops


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Indices of the boxes (N, 4) that are kept, best first; of ``mmcv._ext``."""
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    return ops.nms(boxes.float(), scores.float(), iou_threshold)


def roi_align(
    feats: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    pool_mode: str = 'avg',
    aligned: bool = True,
) -> Tensor:
    """Average of bilinear samples of each region (R, 5), (R, C, h, w)."""
    if pool_mode != 'avg':
        text = "`roi_align` without a compiled mmcv supports pool_mode='avg' only"
        remedy = "Use 'avg', or install mmcv built from source."
        raise NotImplementedError(f'{text}, but got pool_mode={pool_mode!r}. {remedy}')
    return ops.roi_align(
        feats, rois.to(feats), output_size, spatial_scale, sampling_ratio or -1, aligned
    )


def _without_slope_outside(
    offset: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Tensor:
    """Offsets (B, 2 * G * k * k, h, w) without gradient where a sample is a pixel outside: there
    torchvision takes the slope of one side, the compiled kernel none.
    """
    places = offset.detach().unflatten(1, (-1, *weight.shape[2:], 2))  # (B, G, k, k, (y, x), h, w)
    outside = torch.zeros_like(places[..., 0, :, :], dtype=torch.bool)
    for axis in range(2):
        step, pad, gap = (_pair(each)[axis] for each in (stride, padding, dilation))
        taps = torch.arange(weight.shape[2 + axis], device=offset.device) * gap - pad
        starts = torch.arange(places.shape[-2 + axis], device=offset.device) * step
        shape = [1, 1, 1, 1, 1, 1]
        shape[2 + axis], shape[-2 + axis] = len(taps), len(starts)
        grid = (taps[:, None] + starts).reshape(shape)
        outside |= places[..., axis, :, :] + grid <= -1
    outside = outside.unsqueeze(-3).expand_as(places).reshape(offset.shape)
    return torch.where(outside, offset.detach(), offset)


def deform_conv2d(feats: Tensor, offset: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """Deformable convolution; ``rest`` is stride, padding, dilation, and what shapes say."""
    feats, weight = feats.type_as(offset), weight.type_as(offset)  # offsets are what AMP casts
    offset = _without_slope_outside(offset, weight, *rest[:3])
    return ops.deform_conv2d(feats, offset, weight, None, *rest[:3])


def modulated_deform_conv2d(
    feats: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *rest: Any,
) -> Tensor:
    """Deformable convolution, version 2; ``rest`` likewise."""
    feats, mask, weight = (each.type_as(offset) for each in (feats, mask, weight))
    bias = bias if bias is None else bias.type_as(offset)
    offset = _without_slope_outside(offset, weight, *rest[:3])
    return ops.deform_conv2d(feats, offset, weight, bias, *rest[:3], mask=mask)


class MultiScaleDeformableAttnFunction:
    """Multi-scale deformable attention on a GPU, as mmcv computes it on a CPU."""

    @staticmethod
    def apply(value: Tensor, shapes: Tensor, starts: Tensor, *rest: Any) -> Tensor:
        """See ``multi_scale_deformable_attn_pytorch``."""
        from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

        return multi_scale_deformable_attn_pytorch(value, shapes, *rest[:2])


def sigmoid_focal_loss(
    logits: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
    weight: Tensor | None = None,
    reduction: str = 'mean',
) -> Tensor:
    """Focal loss of ``logits`` (N, classes); a target equal to ``classes`` is background."""
    classes = logits.size(1)
    one_hot = torch.nn.functional.one_hot(target, classes + 1)[:, :classes].to(logits)
    loss = ops.sigmoid_focal_loss(logits, one_hot, alpha=alpha, gamma=gamma)
    if weight is not None:
        loss = loss * weight[target.clamp(max=classes - 1)][:, None]
    if reduction == 'none':
        return loss
    return loss.sum() / (len(logits) if reduction == 'mean' else 1)


OPERATORS: dict[str, dict[str, object]] = {
    'mmcv.ops.roi_align': dict(roi_align=roi_align),
    'mmcv.ops.deform_conv': dict(deform_conv2d=deform_conv2d),
    'mmcv.ops.modulated_deform_conv': dict(modulated_deform_conv2d=modulated_deform_conv2d),
    'mmcv.ops.multi_scale_deform_attn': dict(
        MultiScaleDeformableAttnFunction=MultiScaleDeformableAttnFunction
    ),
    'mmcv.ops.focal_loss': dict(sigmoid_focal_loss=sigmoid_focal_loss),
}
