import pytest
import torch
from parity import Case

from mmsapiens.keypoints import get_keypoint_set
from mmsapiens.models import heads
from mmsapiens.models.heads import HEADS, PointMapHead, init_by_fan
from mmsapiens.ops.cameras import metric_points
from mmsapiens.ops.resize_outputs import resized_strips

CASES = {
    's2_pose_head': 'HeatmapHead',
    's2_seg_head': 'ParsingHead',
    's2_normal_head': 'PixelShuffleNormalHead',
    's2_albedo_head': 'AlbedoHead',
    's2_matting_head': 'MattingHead',
    's2_pointmap_head': 'PointMapHead',
}
OUTPUTS = dict(
    s2_normal_head='normals_raw', s2_albedo_head='albedo_raw', s2_matting_head='foreground_alpha'
)


def head_of(case):
    """The head of a case with its weights; keys of the reference but for the name of the last."""
    name = CASES[case.doc['case']]
    config = {k: v for k, v in case.config['decode_head'].items() if 'loss' not in k}
    config.pop('type')
    if sizes := config.pop('scale_final_layer', None):
        config['scale_hidden'] = sizes[1:-1]
        config['scale_channels'] = config.pop('scale_conv_out_channels')
        assert set(config.pop('scale_conv_kernel_sizes')) == {1}
        side = case.config['backbone']['patch_size']
        config['grid_hw'] = tuple(s // side for s in case.config['backbone']['img_size'])
    weights = case.group('weights')
    weights = {k.removeprefix('decode_head.'): v for k, v in weights.items() if k[:6] == 'decode'}
    out = next(v for k, v in weights.items() if k.startswith('conv_') and 'layers' not in k)
    config.setdefault('out_channels', config.pop('num_classes', len(out)))
    if name == 'HeatmapHead':
        weights = {k.replace('conv_pose', 'final_layer'): v for k, v in weights.items()}
    head = HEADS[name](**config).eval()
    head.load_state_dict(weights)
    return head


@pytest.mark.parametrize('name', OUTPUTS)
def test_maps_equal_the_reference(name):
    case = Case(name)
    head = head_of(case)
    maps = [case['outputs/featmap']]
    expected = case[f'outputs/{OUTPUTS[name]}']
    with torch.no_grad():
        case.assert_close(head(maps), expected)
    maps[0].requires_grad_(True)
    case.assert_close(head(maps).detach(), expected)


def test_heatmaps_and_flip_test_equal_the_reference():
    case = Case('s2_pose_head')
    head = head_of(case)
    with torch.no_grad():
        maps = head([case['outputs/featmap']])
    case.assert_close(maps[0], case['outputs/heatmaps_sample0'])
    case.assert_close(maps[0, ::7], case['outputs/hf_heatmaps_sample0_every7th'])
    indices = get_keypoint_set('goliath308').flip_indices
    assert list(indices) == case.doc['flip_indices']


def test_logits_and_labels_equal_the_reference():
    case = Case('s2_seg_head')
    head = head_of(case)
    with torch.no_grad():
        logits = head([case['outputs/featmap']])
    case.assert_close(logits[0], case['outputs/logits_sample0'])
    case.assert_close(logits[0, :3], case['outputs/hf_logits_sample0_classes0to2'])
    expected, stable = case['outputs/pred_labels'], case['outputs/pred_labels_stable'].bool()
    for maps, labels, where in zip(logits, expected, stable):
        parts = resized_strips(maps, tuple(labels.shape))
        found = torch.cat([head.finish(strip)[0] for _, strip in parts])
        assert (found == labels.long())[where].all() and where.any()


def test_points_and_scale_equal_the_reference():
    case = Case('s2_pointmap_head')
    head = head_of(case)
    feats = [case['outputs/featmap']]
    with torch.no_grad():
        points, scale = head.both(feats)
        metric = head(feats)
    case.assert_close(points[0], case['outputs/pointmap_sample0'])
    case.assert_close(scale, case['outputs/scale'])
    known = scale[:, 0] > 0.001
    torch.testing.assert_close(metric[known], (points / scale[..., None, None])[known])
    with pytest.raises(ValueError, match='Give images of the size that the model was trained with'):
        head(torch.zeros(1, 1, head.in_channels, 4, 3))


def test_the_scale_of_the_release_has_6144_numbers():
    with torch.device('meta'):
        head = PointMapHead(8, upsample_channels=(4,), conv_out_channels=(4,))
    assert head.scale_final_layer[1].weight.shape == (512, 6144)


def test_scales_that_are_none_give_no_points():
    points = metric_points(torch.ones(3, 3, 2, 2), torch.tensor([[2.0], [0.0], [-1.0]]))
    assert (points[0] == 0.5).all() and points[1:].isnan().all()


def test_predictions_are_in_their_range():
    maps = torch.randn(3, 4, 5) * 3
    assert torch.allclose(heads.PixelShuffleNormalHead.finish(maps).norm(dim=0), torch.ones(4, 5))
    for head in (heads.AlbedoHead, heads.MattingHead):
        found = head.finish(maps)
        assert found.min() == 0 and found.max() == 1


@pytest.mark.parametrize('name', ['AlbedoHead', 'PointMapHead'])
def test_fresh_heads_keep_the_size_of_numbers(name):
    torch.manual_seed(0)
    more = dict(grid_hw=(8, 6), scale_channels=(8, 8)) if name == 'PointMapHead' else {}
    head = HEADS[name](64, 3, upsample_channels=(64, 32), conv_out_channels=(16,), **more)
    init_by_fan(head)
    head.requires_grad_(False)
    for key, value in head.named_parameters():
        if key.endswith('bias'):
            assert (value == 0).all()
    assert head.input_conv[0].weight.std() == pytest.approx((2 / 64 / 9) ** 0.5, rel=0.05)
    maps = head([torch.randn(2, 64, 8, 6)])
    assert maps.shape == (2, 3, 32, 24)
