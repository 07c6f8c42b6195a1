"""Operators of mmcv on torchvision, used through the functions of mmcv."""

import subprocess
import sys
from types import ModuleType

import mmcv.ops
import numpy as np
import pytest
import torch
import torchvision
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.utils import get_installed_path

from mmsapiens.compat.missing_modules import OPERATOR_MODULES, fill_mmcv_ext, is_stand_in
from mmsapiens.compat.mmcv_ops import OPERATORS


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """Our operators, also where a compiled mmcv is installed."""
    extension = ModuleType('mmcv._ext')
    fill_mmcv_ext(extension)
    # As an attribute of mmcv.ops, `nms` is the function.
    monkeypatch.setattr(sys.modules['mmcv.ops.nms'], 'ext_module', extension)
    for name in OPERATOR_MODULES:
        for key, operator in OPERATORS[name].items():
            monkeypatch.setattr(sys.modules[name], key, operator)
            if hasattr(mmcv.ops, key):
                monkeypatch.setattr(mmcv.ops, key, operator)


@pytest.fixture
def rand(generator):
    """Uniform in [0, 1), float64, with a gradient."""

    def draw(*shape):
        values = torch.rand(shape, generator=generator, dtype=torch.float64)
        return values.requires_grad_()

    return draw


@pytest.fixture
def rand_like(generator):
    def draw(tensor):
        return torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)

    return draw


def assert_same(ours, expected, inputs, weights):
    """Equal outputs, and equal gradients of their weighted sum."""
    torch.testing.assert_close(ours, expected)
    gradients = [
        torch.autograd.grad((output * weights).sum(), inputs) for output in (ours, expected)
    ]
    for mine, theirs in zip(*gradients):
        assert theirs.abs().sum() > 0
        torch.testing.assert_close(mine, theirs)


# Three boxes of 10 x 10. The second overlaps the first by 80 of 120 (IoU 2/3), the third none.
BOXES = torch.tensor([[0.0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]])
SCORES = torch.tensor([0.8, 0.9, 0.3])


def test_nms_drops_the_weaker_of_two():
    dets, kept = mmcv.ops.nms(BOXES, SCORES, iou_threshold=0.6)
    assert kept.tolist() == [1, 2]
    torch.testing.assert_close(dets[:, 4], torch.tensor([0.9, 0.3]))
    _, kept = mmcv.ops.nms(BOXES, SCORES, iou_threshold=0.7)
    assert kept.tolist() == [1, 0, 2]


def test_nms_takes_arrays_a_limit_and_a_score_threshold():
    dets, kept = mmcv.ops.nms(BOXES.numpy(), SCORES.numpy(), 0.7, score_threshold=0.5, max_num=1)
    assert isinstance(dets, np.ndarray)
    assert kept.tolist() == [1]


def test_nms_offset_counts_the_last_pixel():
    # 11 pixels wide and high: 9 * 11 / (242 - 99) = 0.692.
    _, kept = mmcv.ops.nms(BOXES, SCORES, 0.68, offset=1)
    assert kept.tolist() == [1, 2]
    _, kept = mmcv.ops.nms(BOXES, SCORES, 0.68, offset=0)
    assert kept.tolist() == [1, 0, 2]


def test_nms_runs_in_half_precision():
    _, kept = mmcv.ops.nms(BOXES.half(), SCORES.half(), 0.6)
    assert kept.tolist() == [1, 2]


@pytest.mark.parametrize('split_thr', [10000, 2])
def test_batched_nms_keeps_classes_apart(split_thr):
    settings = dict(type='nms', iou_threshold=0.6, split_thr=split_thr)
    classes = torch.tensor([0, 1, 1])
    dets, kept = mmcv.ops.batched_nms(BOXES, SCORES, classes, settings)
    assert kept.tolist() == [1, 0, 2]
    torch.testing.assert_close(dets[:, :4], BOXES[kept])
    _, kept = mmcv.ops.batched_nms(BOXES, SCORES, classes, settings, class_agnostic=True)
    assert kept.tolist() == ([1, 2] if split_thr > 3 else [1, 0, 2])


ROIS = torch.tensor([[0, 1, 1, 9, 7], [1, 0, 2, 6, 10], [1, 3, 3, 4, 4]], dtype=torch.float64)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_roi_align_equals_torchvision(rand, rand_like, aligned, sampling_ratio):
    feats = rand(2, 3, 6, 6)
    ours = mmcv.ops.roi_align(feats, ROIS, (3, 2), 0.5, sampling_ratio, 'avg', aligned)
    expected = torchvision.ops.roi_align(feats, ROIS, (3, 2), 0.5, sampling_ratio or -1, aligned)
    assert ours.shape == (3, 3, 3, 2)
    assert_same(ours, expected, [feats], rand_like(ours))


def test_roi_align_of_a_ramp_is_the_center_of_each_cell():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    rois = torch.tensor([[0.0, 2, 2, 6, 6]])
    pooled = mmcv.ops.roi_align(ramp, rois, (1, 2), 1.0, 0, 'avg', True)
    # Cells [2, 4) and [4, 6); pixel i is centered at i + 0.5.
    assert pooled.flatten().tolist() == [2.5, 4.5]


def test_roi_align_refuses_maxima(rand):
    layer = mmcv.ops.RoIAlign(2, pool_mode='max')
    with pytest.raises(NotImplementedError, match="supports pool_mode='avg'"):
        layer(rand(2, 3, 6, 6), ROIS)


DEFORM_SETTINGS = [
    dict(stride=1, padding=1, dilation=1, groups=1, deform_groups=1),
    dict(stride=2, padding=2, dilation=2, groups=2, deform_groups=2),
    dict(stride=(1, 2), padding=(0, 1), dilation=(2, 1), groups=1, deform_groups=4),
]


def offset_shape(layer, feats):
    """(B, deform_groups * 9, H, W) of the output of a 3 x 3 layer."""
    convolved = torch.nn.functional.conv2d(
        feats, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups
    )
    return len(feats), layer.deform_groups * 9, *convolved.shape[2:]


@pytest.mark.parametrize('settings', DEFORM_SETTINGS)
def test_deform_conv_equals_torchvision(rand, rand_like, settings):
    layer = mmcv.ops.DeformConv2d(4, 6, 3, **settings).double()
    feats = rand(2, 4, 8, 9)
    batch, masks, height, width = offset_shape(layer, feats)
    offset = rand(batch, 2 * masks, height, width)
    ours = layer(feats, offset)
    expected = torchvision.ops.deform_conv2d(
        feats,
        offset,
        layer.weight,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
    )
    assert_same(ours, expected, [feats, offset, layer.weight], rand_like(ours))


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('settings', DEFORM_SETTINGS)
def test_modulated_deform_conv_equals_torchvision(rand, rand_like, settings, bias):
    layer = mmcv.ops.ModulatedDeformConv2d(4, 6, 3, bias=bias, **settings)
    layer = layer.double()
    feats = rand(2, 4, 8, 9)
    batch, masks, height, width = offset_shape(layer, feats)
    offset = rand(batch, 2 * masks, height, width)
    mask = rand(batch, masks, height, width)
    ours = layer(feats, offset, mask)
    expected = torchvision.ops.deform_conv2d(
        feats,
        offset,
        layer.weight,
        layer.bias,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        mask=mask,
    )
    assert_same(ours, expected, [feats, offset, mask, *layer.parameters()], rand_like(ours))


@pytest.mark.parametrize('padding', [1, (1, 2)])
@pytest.mark.parametrize('is_modulated', [True, False])
def test_offsets_of_0_have_the_gradient_of_the_compiled_kernel(padding, is_modulated):
    # The numbers of mmcv's own test, where they are multiplied by a mask of 0.5.
    feats = torch.tensor([1.0, 2, 3]).expand(1, 1, 3, 3).double()
    weight = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    if is_modulated:
        layer = mmcv.ops.ModulatedDeformConv2d(1, 1, 2, padding=padding, bias=False).double()
    else:
        layer = mmcv.ops.DeformConv2d(1, 1, 2, padding=padding).double()
    layer.weight.data = weight
    size = (4, 4) if padding == 1 else (4, 6)
    offset = torch.zeros(1, 8, *size, dtype=torch.float64, requires_grad=True)
    mask = [torch.full((1, 4, *size), 0.5, dtype=torch.float64)] if is_modulated else []
    layer(feats, offset, *mask).sum().backward()
    scale = 1 if is_modulated else 2
    assert offset.grad.sum(dim=(0, 2, 3)).tolist() == [-3.0 * scale, -1.5 * scale] * 4


def test_deform_conv_without_offsets_is_a_convolution(rand):
    layer = mmcv.ops.DeformConv2d(4, 6, 3, padding=1).double()
    feats = rand(2, 4, 5, 5)
    offset = torch.zeros(2, 18, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(
        layer(feats, offset), torch.nn.functional.conv2d(feats, layer.weight, padding=1)
    )


def test_deform_conv_learns_the_weight_alone(rand, rand_like):
    layer = mmcv.ops.DeformConv2d(4, 6, 3, padding=1).double()
    feats, offset = rand(2, 4, 5, 5).detach(), rand(2, 18, 5, 5).detach()
    ours = layer(feats, offset)
    expected = torchvision.ops.deform_conv2d(feats, offset, layer.weight, padding=1)
    assert_same(ours, expected, [layer.weight], rand_like(ours))


def test_deformable_attention_equals_the_pytorch_version(rand, rand_like):
    from mmcv.ops import multi_scale_deform_attn as attention

    shapes = torch.tensor([[4, 5], [2, 3]])
    starts = torch.tensor([0, 20])
    value = rand(2, 26, 2, 4)
    locations = rand(2, 7, 2, 2, 3, 2)
    weights = rand(2, 7, 2, 2, 3)
    # Called for tensors on a GPU; the device does not matter to it.
    ours = attention.MultiScaleDeformableAttnFunction.apply(
        value, shapes, starts, locations, weights, 64
    )
    expected = attention.multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)
    assert ours.shape == (2, 7, 8)
    assert_same(ours, expected, [value, locations, weights], rand_like(ours))


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('reduction', ['none', 'sum', 'mean'])
def test_sigmoid_focal_loss_follows_the_formula(rand, rand_like, reduction, weighted):
    logits = rand(4, 3)
    # Three classes: the label 3 is background.
    target = torch.tensor([0, 2, 3, 1])
    gamma, alpha = 2.0, 0.25
    weight = torch.tensor([0.5, 1, 2.0]).double() if weighted else None
    ours = mmcv.ops.sigmoid_focal_loss(logits, target, gamma, alpha, weight, reduction)
    positive = torch.zeros(4, 3, dtype=torch.bool)
    positive[0, 0] = positive[1, 2] = positive[3, 1] = True
    prob = logits.sigmoid()
    expected = torch.where(
        positive,
        -alpha * (1 - prob) ** gamma * prob.log(),
        -(1 - alpha) * prob**gamma * (1 - prob).log(),
    )
    if weighted:  # background has no weight of its own, and takes the last
        expected = expected * weight[[0, 2, 2, 1]][:, None]
    if reduction != 'none':
        expected = expected.sum()
    if reduction == 'mean':
        expected = expected / 4
    factor = rand_like(ours) if reduction != 'none' else torch.ones(4, 3)
    assert_same(ours, expected, [logits], factor)


def test_focal_loss_of_background_only_pushes_down(rand):
    logits = rand(2, 3)
    loss = mmcv.ops.sigmoid_focal_loss(logits, torch.tensor([3, 3]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient > 0).all()


def test_other_operators_name_themselves():
    if is_stand_in(sys.modules['mmcv._ext']):
        with pytest.raises(NotImplementedError, match='softnms` needs a compiled mmcv'):
            mmcv.ops.soft_nms(BOXES, SCORES)


def test_compiler_version_says_that_there_is_none():
    if is_stand_in(sys.modules['mmcv._ext']):
        assert mmcv.ops.get_compiler_version() == 'none (mmcv-lite)'
        assert mmcv.ops.get_compiling_cuda_version() == 'none (mmcv-lite)'


def test_the_operators_are_in_place():
    if is_stand_in(sys.modules['mmcv._ext']):
        code = 'import mmsapiens, mmcv.ops; print(mmcv.ops.roi_align.__module__)'
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
        assert done.stdout.strip() == 'mmsapiens.compat.mmcv_ops', done.stderr


def test_detector_of_mmdet_suppresses_overlaps(generator):
    from mmdet.structures import DetDataSample

    folder = get_installed_path('mmdet')
    cfg = Config.fromfile(f'{folder}/.mim/configs/rtmdet/rtmdet_tiny_8xb32-300e_coco.py')
    cfg.model.backbone.init_cfg = None  # a download
    cfg.model.test_cfg.update(score_thr=0.0, nms_pre=100)
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        model = MODELS.build(cfg.model).eval()
        for layer in model.bbox_head.rtm_reg:
            # All four sides lie about two strides away from their point.
            torch.nn.init.constant_(layer.bias, 2.0)
        image = torch.randint(0, 256, (3, 96, 128), generator=generator, dtype=torch.uint8)
        sample = DetDataSample(
            metainfo=dict(img_shape=(96, 128), ori_shape=(96, 128), scale_factor=(1.0, 1.0))
        )
        with torch.no_grad():
            (result,) = model.test_step(dict(inputs=[image], data_samples=[sample]))
    found = result.pred_instances
    assert len(found) > 10
    assert found.bboxes.shape == (len(found), 4)
    assert (found.scores.diff() <= 0).all()
    # Non-maximum suppression ran: no two of a class overlap by 0.65.
    for label in found.labels.unique():
        boxes = found.bboxes[found.labels == label]
        overlap = torchvision.ops.box_iou(boxes, boxes).fill_diagonal_(0)
        assert overlap.max() <= 0.65 + 1e-4
