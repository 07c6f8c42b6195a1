import pytest
import torch
from parity import Case

from mmsapiens.models import map_losses
from mmsapiens.models.losses import (
    all_pixel_cross_entropy_loss,
    dice_loss,
    hard_keypoint_mse_loss,
    keypoint_mse_loss,
    normal_cosine_loss,
    normal_l1_loss,
)


def losses_of(case):
    """Name -> function of a prediction and of the inputs of a case, one value or a map."""
    rows = case.doc['losses']
    weights = rows['ce_none_weighted']['class_weight']
    weights = torch.tensor(weights, dtype=torch.float32)
    topk = rows['pose_ohkm_top3']['topk']
    factor = rows['multiscale_l1_2']['scale_factor']
    down = rows['albedo_lowfreq_4']['down_sample']
    levels = rows['matting_laplacian_3']['max_levels']
    t = case.group('inputs')
    labels, all_valid = t['seg.labels'].long(), t['seg.labels_all_valid'].long()
    mask = t['map.mask'][:, 0].bool()
    masks = {'': None, '_masked': mask}
    pose = t['pose.target'], t['pose.weights']
    normal, albedo = (t['map.gt_normal'], mask), (t['albedo.gt'], mask)
    points = t['pointmap.gt'], mask
    found = {
        'pose_mse': lambda p: keypoint_mse_loss(p, *pose),
        'pose_mse_skip_empty': lambda p: keypoint_mse_loss(p, *pose, skip_empty=True),
        'pose_ohkm_top3': lambda p: hard_keypoint_mse_loss(p, *pose, topk),
        'ce_none_weighted': lambda p: all_pixel_cross_entropy_loss(p, labels, weights),
        'ce_mean_plain': lambda p: all_pixel_cross_entropy_loss(p, labels),
        'ce_mean_weighted_all_valid': lambda p: all_pixel_cross_entropy_loss(
            p, all_valid, weights, divisor='weights'
        ),
        'dice_none': lambda p: dice_loss(p, labels),
        'dice_mean_with_background': lambda p: dice_loss(p, labels, with_background=True),
        'dice_naive': lambda p: dice_loss(p, labels, squared=False),
        'dice_background_only': lambda p: dice_loss(p, torch.zeros_like(labels)),
        'l1': lambda p: normal_l1_loss(p, *normal),
        'l1_empty_mask': lambda p: normal_l1_loss(p, normal[0], torch.zeros_like(mask)),
        'normal_cosine': lambda p: normal_cosine_loss(p, *normal),
        'normal_grad': lambda p: map_losses.squared_gradient_loss(p, *normal),
        'albedo_grad': lambda p: map_losses.albedo_gradient_loss(p, *albedo),
        'albedo_chroma': lambda p: map_losses.chromaticity_loss(p, *albedo),
        'albedo_lowfreq_4': lambda p: map_losses.low_frequency_loss(p, *albedo, down),
        'multiscale_l1_2': lambda p: map_losses.multiscale_l1_loss(p, *points, factor),
        'silog': lambda p: map_losses.log_depth_loss(p, *points),
        'k_consistency': lambda p: map_losses.intrinsics_loss(p, t['pointmap.intrinsics'], mask),
        'shift_invariant': lambda p: map_losses.shift_invariant_loss(p, *points),
        'pointmap_normal': lambda p: map_losses.pointmap_normal_loss(
            p, points[0], t['pointmap.scale'], mask
        ),
        'scale_l1': lambda p: map_losses.scale_l1_loss(p, t['pointmap.scale']),
    }
    for suffix, where in masks.items():
        alpha = t['matting.alpha_gt'], where
        found |= {
            f'matting_l1{suffix}': lambda p, a=alpha: map_losses.matte_l1_loss(p, *a),
            f'matting_grad{suffix}': lambda p, a=alpha: map_losses.edge_loss(p, *a),
            f'matting_laplacian_3{suffix}': lambda p, a=alpha: map_losses.laplacian_loss(
                p, *a, levels
            ),
        }
    return found


NAMES = [
    'pose_mse',
    'pose_mse_skip_empty',
    'pose_ohkm_top3',
    'ce_none_weighted',
    'ce_mean_plain',
    'ce_mean_weighted_all_valid',
    'dice_none',
    'dice_mean_with_background',
    'dice_naive',
    'dice_background_only',
    'l1',
    'l1_empty_mask',
    'normal_cosine',
    'normal_grad',
    'albedo_grad',
    'albedo_chroma',
    'albedo_lowfreq_4',
    'multiscale_l1_2',
    'silog',
    'k_consistency',
    'shift_invariant',
    'pointmap_normal',
    'scale_l1',
    'matting_l1',
    'matting_l1_masked',
    'matting_grad',
    'matting_grad_masked',
    'matting_laplacian_3',
    'matting_laplacian_3_masked',
]


@pytest.mark.parametrize('name', NAMES)
def test_values_and_gradients_equal_the_reference(name):
    case = Case('s2_losses')
    assert set(case.doc['losses']) == set(NAMES)
    row = case.doc['losses'][name]
    pred = case[f'inputs/{row["prediction"]}'].requires_grad_(True)
    values = losses_of(case)[name](pred)
    if values.ndim and f'outputs/{name}.map' in case.tensors:
        case.assert_close(values.detach(), case[f'outputs/{name}.map'], 'map_')
    loss = row.get('loss_weight', 1.0) * values.mean()
    loss.backward()
    case.assert_close(loss.item(), case.scalar(name), 'loss_')
    case.assert_grad_close(pred.grad, case[f'grads/{name}'])


NUMBERS = {
    'half': (torch.float16, 1.0),
    'large': (torch.float32, 1e4),
    'zero': (torch.float32, 0.0),
}


@pytest.mark.parametrize('kind', NUMBERS)
@pytest.mark.parametrize('pixels', ['none', 'one', 'all'])
def test_gradients_are_finite_everywhere(pixels, kind):
    torch.manual_seed(0)
    dtype, factor = NUMBERS[kind]
    shape = (2, 3, 12, 10)
    valid = torch.full((2, 12, 10), pixels == 'all')
    if pixels == 'one':
        valid[:, 4, 5] = True
    target = torch.where(valid[:, None], torch.rand(shape), torch.nan)
    clean = target.nan_to_num()
    labels = torch.where(valid, 1, 255)
    camera = torch.tensor([[900.0, 0, 4], [0, 900.0, 5], [0, 0, 1]]).expand(2, 3, 3)
    pred = (factor * torch.randn(shape)).to(dtype).requires_grad_(True)
    scale = torch.zeros(2, 1, requires_grad=True)
    matte = torch.cat([pred, pred[:, :1]], dim=1)
    losses = [
        keypoint_mse_loss(pred, clean, torch.zeros(2, 3)),
        all_pixel_cross_entropy_loss(pred, labels),
        *dice_loss(pred, labels),
        normal_cosine_loss(pred, target, valid),
        *(
            loss(pred, target, valid)
            for loss in (
                normal_l1_loss,
                map_losses.albedo_gradient_loss,
                map_losses.chromaticity_loss,
                map_losses.low_frequency_loss,
            )
        ),
        *map_losses.pointmap_losses(pred, scale, clean, camera, valid).values(),
        *map_losses.matting_losses(matte, clean[:, :1], clean, valid).values(),
    ]
    for number, loss in enumerate(losses):
        (grad,) = torch.autograd.grad(loss, pred, retain_graph=True, allow_unused=True)
        assert loss.isfinite() and (grad is None or grad.isfinite().all()), number


def test_the_foreground_of_a_matte_is_known_where_it_is_alone():
    alpha = torch.tensor([0.0, 0.5, 0.995, 0.996, 1.0])[None, None, None]
    assert map_losses.known_foreground(alpha).tolist() == [[[True, False, False, True, True]]]


def test_relative_losses_of_points_are_clamped():
    camera = torch.eye(3)[None] * 768
    valid = torch.ones(1, 8, 8, dtype=torch.bool)
    target = torch.ones(1, 3, 8, 8)
    pred = (target * 50).requires_grad_(True)
    losses = map_losses.pointmap_losses(pred, torch.ones(1, 1), target, camera, valid)
    assert losses['loss_l1'] == losses['loss_multiscale'] == 4
    losses['loss_l1'].backward()
    assert (pred.grad == 0).all()
