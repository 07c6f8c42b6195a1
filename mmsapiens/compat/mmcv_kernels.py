"""Operators of ``mmcv._ext`` written with torch and torchvision.

Each function has the name and the calling convention of the compiled kernel that it stands for:
results go into tensors that the caller has allocated. Letters: N boxes, R regions of interest, C
channels, H W pixels. Boxes are xyxy in pixels. Gradients come from autograd, by running the forward
again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision import ops

AVERAGE_POOLING = 1


def _gradients(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], grad_output: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of ``function(*inputs)``; None for an unused input."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(function(*leaves), leaves, grad_output, allow_unused=True)


def _copy_each(targets: Sequence[Tensor], sources: Sequence[Tensor | None]) -> None:
    """Copy every source that is not None into its target."""
    for target, source in zip(targets, sources):
        if source is not None:
            target.copy_(source)


def _with_offset(boxes: Tensor, offset: int) -> Tensor:
    """Boxes whose lower right corner is moved by ``offset`` pixels."""
    if not offset:
        return boxes
    return boxes + boxes.new_tensor([0, 0, offset, offset])


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Indices of the kept boxes (N, 4), best first."""
    return ops.nms(_with_offset(boxes, offset).float(), scores.float(), iou_threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft-NMS; writes boxes and decayed scores to ``dets`` (N, 5)."""
    boxes, scores = _with_offset(boxes, offset), scores.clone()
    left = torch.arange(len(boxes), device=boxes.device)
    kept: list[int] = []
    while len(left):
        top = int(scores.argmax())
        row = dets[len(kept)]
        row[:4], row[4] = boxes[top], scores[top]
        row[2:4] -= offset
        kept.append(int(left[top]))
        # Of two boxes without area it is 0 / 0.
        iou = ops.box_iou(boxes[top : top + 1], boxes)[0].nan_to_num(0)
        if method == 0:  # plain NMS
            decay = (iou < iou_threshold).to(scores)
        elif method == 1:  # linear
            decay = torch.where(iou >= iou_threshold, 1 - iou, torch.ones_like(iou))
        else:  # Gaussian
            decay = torch.exp(-iou * iou / sigma)
        scores = scores * decay
        stays = scores >= min_score
        stays[top] = False
        boxes, scores, left = boxes[stays], scores[stays], left[stays]
    return torch.tensor(kept, dtype=torch.long)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Groups of overlapping rows of ``dets`` (N, 5), each led by its best."""
    order = dets[:, 4].argsort(descending=True)
    iou = ops.box_iou(dets[:, :4], dets[:, :4])
    groups = []
    while len(order):
        in_group = iou[order[0], order] >= iou_threshold
        in_group[0] = True
        groups.append(order[in_group].tolist())
        order = order[~in_group]
    return groups


def _roi_align(
    rois: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> Callable[[Tensor], Tensor]:
    if pool_mode != AVERAGE_POOLING:
        raise NotImplementedError(
            "`roi_align` without a compiled mmcv supports pool_mode='avg' "
            "only, but got pool_mode='max'. Use 'avg', or install mmcv "
            'built from source.'
        )
    return lambda feats: ops.roi_align(
        feats,
        rois.to(feats),
        (aligned_height, aligned_width),
        spatial_scale,
        sampling_ratio or -1,
        aligned,
    )


def roi_align_forward(
    feats: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    **settings: float,
) -> None:
    """Average of bilinear samples of each region, (R, C, h, w)."""
    output.copy_(_roi_align(rois, **settings)(feats))  # type: ignore


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_feats: Tensor,
    **settings: float,
) -> None:
    """Gradient of :func:`roi_align_forward` for the features."""
    align = _roi_align(rois, **settings)  # type: ignore[arg-type]
    _copy_each([grad_feats], _gradients(align, [torch.zeros_like(grad_feats)], grad_output))


def roi_pool_forward(
    feats: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Maximum of each cell of each region, (R, C, h, w)."""
    pooled, index = torch.ops.torchvision.roi_pool(
        feats, rois.to(feats), spatial_scale, pooled_height, pooled_width
    )
    output.copy_(pooled)
    argmax.copy_(index)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_feats: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Gradient of :func:`roi_pool_forward` for the features."""
    grad_feats.copy_(
        torch.ops.torchvision._roi_pool_backward(
            grad_output,
            rois.to(grad_output),
            argmax,
            spatial_scale,
            pooled_height,
            pooled_width,
            *grad_feats.shape,
        )
    )


def _deform_conv(settings: dict) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda feats, offset, weight: ops.deform_conv2d(
        feats,
        offset,
        weight,
        stride=(settings['dH'], settings['dW']),
        padding=(settings['padH'], settings['padW']),
        dilation=(settings['dilationH'], settings['dilationW']),
    )


def deform_conv_forward(
    feats: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **settings: int,
) -> None:
    """Deformable convolution, version 1."""
    output.copy_(_deform_conv(settings)(feats, offset, weight))


def deform_conv_backward_input(
    feats: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_feats: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **settings: int,
) -> None:
    """Gradients for the features and the offsets."""
    _copy_each(
        [grad_feats, grad_offset],
        _gradients(_deform_conv(settings), [feats, offset, weight], grad_output)[:2],
    )


def deform_conv_backward_parameters(
    feats: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float = 1,
    **settings: int,
) -> None:
    """Adds ``scale`` times the gradient for the weight."""
    inputs = [feats, offset, torch.zeros_like(grad_weight)]
    grad = _gradients(_deform_conv(settings), inputs, grad_output)[2]
    if grad is not None:
        grad_weight.add_(grad, alpha=scale)


def _modulated_deform_conv(settings: dict) -> Callable[..., Tensor]:

    def convolve(
        feats: Tensor, weight: Tensor, bias: Tensor, offset: Tensor, mask: Tensor
    ) -> Tensor:
        return ops.deform_conv2d(
            feats,
            offset,
            weight,
            bias if settings['with_bias'] else None,
            stride=(settings['stride_h'], settings['stride_w']),
            padding=(settings['pad_h'], settings['pad_w']),
            dilation=(settings['dilation_h'], settings['dilation_w']),
            mask=mask,
        )

    return convolve


def modulated_deform_conv_forward(
    feats: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    **settings: int,
) -> None:
    """Deformable convolution, version 2."""
    output.copy_(_modulated_deform_conv(settings)(feats, weight, bias, offset, mask))


def modulated_deform_conv_backward(
    feats: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_feats: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    **settings: int,
) -> None:
    """Gradients of :func:`modulated_deform_conv_forward`."""
    _copy_each(
        [grad_feats, grad_weight, grad_bias, grad_offset, grad_mask],
        _gradients(
            _modulated_deform_conv(settings), [feats, weight, bias, offset, mask], grad_output
        ),
    )


def _deform_attention(shapes: Tensor) -> Callable[..., Tensor]:
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    return lambda value, locations, weights: multi_scale_deformable_attn_pytorch(
        value, shapes, locations, weights
    )


def ms_deform_attn_forward(
    value: Tensor,
    shapes: Tensor,
    starts: Tensor,
    locations: Tensor,
    weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Multi-scale deformable attention, mmcv's PyTorch version."""
    return _deform_attention(shapes)(value, locations, weights)


def ms_deform_attn_backward(
    value: Tensor,
    shapes: Tensor,
    starts: Tensor,
    locations: Tensor,
    weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_locations: Tensor,
    grad_weights: Tensor,
    im2col_step: int,
) -> None:
    """Gradients of :func:`ms_deform_attn_forward`."""
    _copy_each(
        [grad_value, grad_locations, grad_weights],
        _gradients(_deform_attention(shapes), [value, locations, weights], grad_output),
    )


def _focal_loss(
    target: Tensor, weight: Tensor, gamma: float, alpha: float
) -> Callable[[Tensor], Tensor]:

    def loss_of(logits: Tensor) -> Tensor:
        classes = logits.size(1)
        # A target equal to the number of classes is background: all zeros.
        one_hot = torch.nn.functional.one_hot(target, classes + 1)
        loss = ops.sigmoid_focal_loss(
            logits, one_hot[:, :classes].to(logits), alpha=alpha, gamma=gamma
        )
        if weight.numel():
            loss = loss * weight[target.clamp(max=classes - 1)][:, None]
        return loss

    return loss_of


def sigmoid_focal_loss_forward(
    logits: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Focal loss of each entry of ``logits`` (N, classes)."""
    output.copy_(_focal_loss(target, weight, gamma, alpha)(logits))


def sigmoid_focal_loss_backward(
    logits: Tensor, target: Tensor, weight: Tensor, grad_logits: Tensor, gamma: float, alpha: float
) -> None:
    """Gradient of the summed :func:`sigmoid_focal_loss_forward`."""
    _copy_each(
        [grad_logits],
        _gradients(_focal_loss(target, weight, gamma, alpha), [logits], torch.ones_like(logits)),
    )


def get_compiler_version() -> str:
    """What ``mmcv.ops.get_compiler_version`` reports."""
    return 'none (mmcv-lite)'


KERNELS: dict[str, Callable] = {
    function.__name__: function
    for function in (
        nms,
        softnms,
        nms_match,
        roi_align_forward,
        roi_align_backward,
        roi_pool_forward,
        roi_pool_backward,
        deform_conv_forward,
        deform_conv_backward_input,
        deform_conv_backward_parameters,
        modulated_deform_conv_forward,
        modulated_deform_conv_backward,
        ms_deform_attn_forward,
        ms_deform_attn_backward,
        sigmoid_focal_loss_forward,
        sigmoid_focal_loss_backward,
        get_compiler_version,
    )
}
KERNELS['get_compiling_cuda_version'] = get_compiler_version
