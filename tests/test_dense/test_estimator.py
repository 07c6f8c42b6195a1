"""Whole models of the three tasks against the reference implementation."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from parity import Case, dense_estimator_cfg

TASKS = ['seg', 'depth', 'normal']


@pytest.fixture(params=TASKS)
def case(request):
    return Case(f'{request.param}_model')


def build(case, **changes):
    model = MODELS.build(dict(dense_estimator_cfg(case.config), **changes))
    model.load_state_dict(case.group('weights'))
    return model.eval()


def ground_truth(case):
    """Field of the samples, and a batch of targets (B, C, H, W)."""
    if 'inputs/labels' in case.tensors:
        return 'gt_sem_seg', case['inputs/labels'][:, None].long()
    if 'inputs/gt_depth' in case.tensors:
        return 'gt_depth_map', case['inputs/gt_depth']
    return 'gt_normal_map', case['inputs/gt_normal']


def batch(model, case, **meta):
    name, targets = ground_truth(case)
    images = case['inputs/image_uint8_bgr']
    samples = []
    for target in targets:
        sample = SegDataSample(**{name: PixelData(data=target)})
        sample.set_metainfo(
            dict(
                ori_shape=tuple(case.scalar('ori_shape')),
                img_shape=tuple(images.shape[2:]),
                flip_label_pairs=[(1, 2)],
                **meta,
            )
        )
        samples.append(sample)
    return model.data_preprocessor(dict(inputs=list(images), data_samples=samples), training=True)


def test_output_equals_the_reference(case):
    model = build(case)
    data = batch(model, case)
    case.assert_close(data['inputs'][0], case['outputs/normalised_sample0'])
    with torch.no_grad():
        output = model(data['inputs'], None, mode='tensor')
    name = {'gt_sem_seg': 'logits', 'gt_depth_map': 'depth'}
    name = name.get(ground_truth(case)[0], 'normal')
    case.assert_close(output, case[f'outputs/{name}'])


def test_losses_and_gradients_equal_the_reference(case):
    model = build(case)
    data = batch(model, case)
    losses = model(data['inputs'], data['data_samples'], mode='loss')
    total, _ = model.parse_losses(losses)
    scalars = case.doc['scalars']
    name = next(n for n in ('loss', 'loss_silog', 'total') if n in scalars)
    rel = case.tolerance['loss_rtol']
    assert total.item() == pytest.approx(case.scalar(name), rel=rel)
    for ours, theirs in (
        ('decode.loss_cosine', 'decode.loss_cosine_sim'),
        ('decode.loss_l1', 'decode.loss_l1'),
        ('decode.acc_seg', 'acc_seg'),
    ):
        if theirs in scalars:
            expected = pytest.approx(case.scalar(theirs), rel=rel)
            assert losses[ours].item() == expected
    total.backward()
    parameters = dict(model.named_parameters())
    grads = case.group('grads')
    assert grads
    for key, expected in grads.items():
        case.assert_grad_close(parameters[key].grad, expected)


def test_target_of_another_size_resizes_the_output():
    case = Case('depth_model')
    model = build(case)
    data = batch(model, case)
    target = case['inputs/gt_depth_other_size']
    for sample, other in zip(data['data_samples'], target):
        sample.gt_depth_map = PixelData(data=other)
    losses = model(data['inputs'], data['data_samples'], mode='loss')
    assert losses['decode.loss_silog'].item() == pytest.approx(
        case.scalar('loss_silog_other_size'), rel=case.tolerance['loss_rtol']
    )


def test_predictions_equal_the_reference(case):
    model = build(case)
    data = batch(model, case)
    with torch.no_grad():
        samples = model(data['inputs'], data['data_samples'], mode='predict')
    name, _ = ground_truth(case)
    size = tuple(case.scalar('ori_shape'))
    for index, sample in enumerate(samples):
        pred = sample.get(name.replace('gt_', 'pred_')).data
        assert pred.shape[1:] == size
        if name == 'gt_sem_seg':
            stable = case['outputs/pred_labels_stable'][index].bool()
            expected = case['outputs/pred_labels'][index].long()
            assert pred.dtype == torch.int64
            assert torch.equal(pred[:, stable], expected[:, stable])
        elif name == 'gt_depth_map':
            case.assert_close(pred, case['outputs/pred_depth_map'][index])
        elif index == 0:
            expected = case['outputs/pred_depth_map_sample0']
            # A short vector, scaled to length 1, multiplies the rounding of the processor.
            case.assert_close(pred * expected.norm(dim=0), expected)


def test_classes_are_those_of_the_resized_logits():
    """The full-size maps, which the model itself never holds."""
    case = Case('seg_model')
    model = build(case)
    data = batch(model, case)
    with torch.no_grad():
        output = model(data['inputs'], mode='tensor')[:1]
    for size in (data['inputs'].shape[2:], case.scalar('ori_shape')):
        output = F.interpolate(output, size=tuple(size), mode='bilinear')
    expected = case['outputs/pred_logits_sample0_classes0to3']
    case.assert_close(output[0, :4], expected)


def test_flip_test_of_a_symmetric_model_changes_nothing(case):
    """A model that sees only columns' means is blind to a mirror."""
    model = build(case, test_cfg=dict(flip_test=True))
    data = batch(model, case)
    plain = build(case)
    symmetric = (data['inputs'] + data['inputs'].flip(-1)) / 2
    with torch.no_grad():
        flipped = model(symmetric, data['data_samples'], mode='predict')
        name = flipped[0].get(ground_truth(case)[0].replace('gt', 'pred'))
        straight = plain(symmetric, mode='tensor')
        from mmsapiens.ops.resize_outputs import unflip

        row = model.decode_head.row
        mean = (straight + unflip(straight, row, [(1, 2)])) / 2
    # The input is its own mirror image, so both passes give the same output.
    mean = F.interpolate(mean, data['inputs'].shape[2:], mode='bilinear')
    mean = F.interpolate(mean, name.shape, mode='bilinear')[0]
    expected = model.decode_head.finish(mean)
    if row.is_labels:
        assert (expected == name.data).float().mean() > 0.999
    else:
        torch.testing.assert_close(name.data, expected, atol=1e-4, rtol=1e-4)


def test_resizing_once_differs_little():
    case = Case('depth_model')
    twice = build(case)
    once = build(case, test_cfg=dict(resize_once=True))
    data = batch(twice, case)
    with torch.no_grad():
        first, second = (
            model(data['inputs'], data['data_samples'], mode='predict')[
                0
            ].pred_depth_map.data.clone()
            for model in (twice, once)
        )
    # The depth output has the size of the input: one resizing is the other.
    torch.testing.assert_close(first, second)


def test_padding_is_cut_off_before_resizing(case):
    model = build(case)
    name, _ = ground_truth(case)
    inputs = batch(model, case)['inputs'][:1]
    height, width = inputs.shape[2:]
    sample = SegDataSample()
    sample.set_metainfo(dict(ori_shape=(height - 8, width - 6), img_padding_size=(0, 6, 0, 8)))
    with torch.no_grad():
        (padded,) = model(inputs, [sample], mode='predict')
        (whole,) = model(inputs, mode='predict')
    name = name.replace('gt', 'pred')
    torch.testing.assert_close(
        padded.get(name).data, whole.get(name).data[:, : height - 8, : width - 6]
    )


def test_bad_settings_are_refused():
    case = Case('seg_model')
    with pytest.raises(ValueError, match="must be 'whole', but got 'slide'"):
        build(case, test_cfg=dict(mode='slide'))
    with pytest.raises(ValueError, match=r"but got \['flip'\]"):
        build(case, test_cfg=dict(flip=True))
    model = build(case, test_cfg=dict(flip_test=True))
    with pytest.raises(ValueError, match='needs `flip_label_pairs`'):
        model(torch.zeros(1, 3, 128, 96), mode='predict')
