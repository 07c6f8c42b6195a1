import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from parity import Case, compare_stats, dense_head_cfg

from mmsapiens.dense import DepthHead, NormalHead, ParsingHead

SMALL = dict(deconv_out_channels=(8, 8), conv_out_channels=(8,))


def heads():
    return dict(
        parsing=ParsingHead(16, 5, **SMALL),
        depth=DepthHead(16, **SMALL),
        normal=NormalHead(16, **SMALL),
    )


@pytest.mark.parametrize('name', ['seg', 'depth', 'normal'])
def test_initial_weights_are_distributed_like_the_reference(name):
    case = Case('dense_head_init_stats')
    entry = case.doc['heads'][name]
    torch.manual_seed(0)
    head = MODELS.build(dense_head_cfg(entry['config']))
    head.init_weights()
    compare_stats(entry['stats'], case.tolerance, 'decode_head.', head)


@pytest.mark.parametrize(('name', 'channels'), [('parsing', 5), ('depth', 1), ('normal', 3)])
def test_each_deconvolution_doubles_the_resolution(name, channels):
    output = heads()[name]([torch.zeros(2, 16, 4, 3)])
    assert output.shape == (2, channels, 16, 12)


def test_full_size_heads_have_the_reference_resolution():
    with torch.device('meta'):
        feats = [torch.zeros(1, 1024, 64, 48)]
        assert ParsingHead(1024, 28)(feats).shape == (1, 28, 512, 384)
        assert DepthHead(1024)(feats).shape == (1, 1, 1024, 768)
        assert NormalHead(1024)(feats).shape == (1, 3, 512, 384)


def test_valid_pixels_of_depth_include_the_nearest():
    target = torch.tensor([-1.0, 0.0, 1.0, -1e10]).view(1, 1, 1, 4)
    valid = heads()['depth'].valid(target)
    assert valid.tolist() == [[[False, True, True, False]]]


@pytest.mark.parametrize('background', [0.0, -1000.0])
def test_valid_normals_have_length_one(background):
    target = torch.full((1, 3, 1, 2), background)
    target[0, :, 0, 1] = torch.tensor([0.0, 0.6, 0.8])
    assert heads()['normal'].valid(target).tolist() == [[[False, True]]]


def test_predicted_normals_have_length_one(generator):
    feats = torch.randn(3, 4, 5, generator=generator) * 9
    length = heads()['normal'].finish(feats).norm(dim=0)
    torch.testing.assert_close(length, torch.ones(4, 5))


def test_depth_reports_the_share_without_a_logarithm():
    target = torch.tensor([0.5, 0.5, 0.5, -1.0]).view(1, 1, 1, 4)
    pred = torch.tensor([-1.0, 0.0, 1.0, -1.0]).view(1, 1, 1, 4)
    head = heads()['depth']
    figures = head.statistics(pred, target, head.valid(target))
    assert figures['share_not_positive'].item() == pytest.approx(2 / 3)


@pytest.mark.parametrize('loss', ['CrossEntropyLoss', 'DiceLoss'])
def test_stock_losses_work_in_the_parsing_head(loss):
    head = ParsingHead(16, 5, loss_decode=dict(type=f'mmseg.{loss}'), **SMALL)
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
    losses = head.loss_by_feat(torch.zeros(1, 5, 4, 4), [sample])
    assert all(value.isfinite().all() for value in losses.values())


def test_missing_target_is_named():
    for head in heads().values():
        with pytest.raises(ValueError, match=f'`{head.row.gt_name}`'):
            head.loss_by_feat(torch.zeros(1, 3, 4, 4), [SegDataSample()])


def test_other_width_is_refused():
    with pytest.raises(ValueError, match=r'\(B, 16, h, w\), but got'):
        heads()['depth']([torch.zeros(1, 8, 4, 3)])


def test_weights_for_other_classes_are_refused():
    state = ParsingHead(16, 4, **SMALL).state_dict()
    with pytest.raises(ValueError, match='4 output channels, .* has 5'):
        heads()['parsing'].load_state_dict(state)


def test_weights_of_another_task_are_refused():
    state = heads()['depth'].state_dict()
    with pytest.raises(ValueError, match='1 output channels, .* has 3'):
        heads()['normal'].load_state_dict(state)


def test_stock_weights_are_refused():
    state = heads()['depth'].state_dict()
    state['deconv_layers.1.running_mean'] = torch.zeros(8)
    with pytest.raises(ValueError, match='batch norm'):
        heads()['depth'].load_state_dict(state)
