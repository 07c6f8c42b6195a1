import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.codecs import UDPHeatmap
from mmpose.models.heads import HeatmapHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from parity import Case, assert_init_stats, pose_estimator_cfg

from mmsapiens.pose import InstanceNormHeatmapHead


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


@pytest.fixture
def case():
    return Case('pose_model')


@pytest.fixture
def model(case):
    model = MODELS.build(pose_estimator_cfg(case.config)).eval()
    model.load_state_dict(case.group('weights'))
    return model


def data_samples(case):
    samples = []
    for index in range(len(case['inputs/image_uint8_bgr'])):
        gt = InstanceData(
            bboxes=case['inputs/bboxes'][index].numpy(),
            bbox_centers=case['inputs/bbox_centers'][index].numpy(),
            bbox_scales=case['inputs/bbox_scales'][index].numpy(),
            bbox_scores=case['inputs/bbox_scores'][index].numpy(),
        )
        decoder = case.config['head']['decoder']
        sample = PoseDataSample(gt_instances=gt)
        sample.set_metainfo(
            dict(
                flip_indices=case['inputs/flip_indices'].tolist(),
                input_size=decoder['input_size'],
                input_center=gt.bbox_centers[0],
                input_scale=gt.bbox_scales[0],
            )
        )
        samples.append(sample)
    return samples


def preprocess(model, case):
    return model.data_preprocessor(
        dict(inputs=list(case['inputs/image_uint8_bgr']), data_samples=data_samples(case))
    )


def test_heatmaps_equal_the_reference(model, case):
    data = preprocess(model, case)
    case.assert_close(data['inputs'][0], case['outputs/normalised_sample0'])
    with torch.no_grad():
        heatmaps = model(data['inputs'], None, mode='tensor')
    case.assert_close(heatmaps[0], case['outputs/heatmaps_sample0'])


@pytest.mark.parametrize('flip', [False, True])
def test_predictions_equal_the_reference(model, case, flip):
    kind = 'flip' if flip else 'noflip'
    model.test_cfg = dict(model.test_cfg, flip_test=flip, output_heatmaps=True)
    data = preprocess(model, case)
    with torch.no_grad():
        samples = model(data['inputs'], data['data_samples'], mode='predict')
    for index, sample in enumerate(samples):
        pred = sample.pred_instances
        stable = case[f'outputs/{kind}.stable'][index].bool().numpy()
        assert stable.any()
        torch.testing.assert_close(
            torch.as_tensor(pred.keypoints[:, stable]),
            case[f'outputs/{kind}.keypoints'][index][:, stable],
            atol=case.tolerance['keypoints_atol'],
            rtol=0,
        )
        case.assert_close(
            torch.as_tensor(pred.keypoint_scores), case[f'outputs/{kind}.scores'][index]
        )
    if flip:
        expected = case['outputs/flip.heatmaps_sample0_first48']
        heatmaps = samples[0].pred_fields.heatmaps
        case.assert_close(heatmaps[: len(expected)], expected)


def test_loss_and_gradients_equal_the_reference(model, case):
    codec = UDPHeatmap(**{k: v for k, v in case.config['head']['decoder'].items() if k != 'type'})
    data = preprocess(model, case)
    for index, sample in enumerate(data['data_samples']):
        encoded = codec.encode(
            case['inputs/gt_keypoints'][index : index + 1].numpy(),
            case['inputs/gt_visible'][index : index + 1].numpy(),
        )
        sample.gt_fields = PixelData(heatmaps=torch.as_tensor(encoded['heatmaps']))
        sample.gt_instance_labels = InstanceData(
            keypoint_weights=torch.as_tensor(encoded['keypoint_weights'])
        )
    losses = model(data['inputs'], data['data_samples'], mode='loss')
    assert losses['loss_kpt'].item() == pytest.approx(
        case.scalar('loss_kpt'), rel=case.tolerance['loss_rtol']
    )
    assert losses['acc_pose'].item() == pytest.approx(case.scalar('acc_pose'))
    losses['loss_kpt'].backward()
    parameters = dict(model.named_parameters())
    for name, expected in case.group('grads').items():
        case.assert_grad_close(parameters[name].grad, expected)


def test_fresh_weights_have_the_std_of_the_reference():
    case = Case('pose_init_stats')
    torch.manual_seed(0)
    model = MODELS.build(pose_estimator_cfg(case.config))
    model.init_weights()
    assert_init_stats(case, 'head.', model.head)


def small_head(**kwargs):
    settings = dict(
        in_channels=8, out_channels=17, deconv_out_channels=(6, 5), conv_out_channels=(5, 4)
    )
    return InstanceNormHeatmapHead(**{**settings, **kwargs})


def test_upsamples_four_times():
    heatmaps = small_head()((torch.rand(2, 8, 4, 3),))
    assert heatmaps.shape == (2, 17, 16, 12)


def test_norms_have_neither_parameters_nor_state():
    head = small_head().train()
    feats = (torch.rand(1, 8, 4, 3),)
    torch.testing.assert_close(head(feats), head.eval()(feats))
    assert set(head.state_dict()) == {
        'deconv_layers.0.weight',
        'deconv_layers.3.weight',
        'conv_layers.0.weight',
        'conv_layers.0.bias',
        'conv_layers.3.weight',
        'conv_layers.3.bias',
        'final_layer.weight',
        'final_layer.bias',
    }


@pytest.mark.parametrize(
    'arch, width, counts',
    [
        ('0.3b', 1024, (23214353, 23303557, 23438132)),
        ('0.6b', 1280, (26360081, 26449285, 26583860)),
        ('1b', 1536, (29505809, 29595013, 29729588)),
        ('2b', 1920, (34224401, 34313605, 34448180)),
    ],
)
def test_parameter_counts_equal_the_reference(arch, width, counts):
    for keypoints, expected in zip((17, 133, 308), counts):
        with torch.device('meta'):
            head = InstanceNormHeatmapHead(width, keypoints)
        assert sum(p.numel() for p in head.parameters()) == expected


def test_stock_weights_are_refused():
    stock = HeatmapHead(
        8,
        17,
        deconv_out_channels=(6, 5),
        deconv_kernel_sizes=(4, 4),
        conv_out_channels=(5, 4),
        conv_kernel_sizes=(1, 1),
    )
    with pytest.raises(ValueError, match='batch norms'):
        small_head().load_state_dict(stock.state_dict(), strict=False)


def test_other_number_of_keypoints_is_refused():
    weights = small_head(out_channels=21).state_dict()
    with pytest.raises(ValueError, match='21 keypoints, but the model has 17'):
        small_head().load_state_dict(weights)


@pytest.mark.gpu
def test_trains_on_cuda_in_bfloat16():
    head = small_head().cuda()
    feats = torch.rand(2, 8, 4, 3, device='cuda')
    with torch.autocast('cuda', torch.bfloat16):
        loss = head((feats,)).square().mean()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in head.parameters())


SMALL_CODEC = dict(
    type='mmsapiens.BatchedUDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2
)


def encoded_samples(codec_cfg, count=2):
    codec = KEYPOINT_CODECS.build(codec_cfg)
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(count):
        encoded = codec.encode(rng.uniform(5, 43, (1, 17, 2)).astype('f4'))
        sample = PoseDataSample()
        labels = InstanceData()
        for key in ('keypoint_weights', 'heatmap_keypoints'):
            if key in encoded:
                labels.set_field(torch.as_tensor(encoded[key]), key)
        sample.gt_instance_labels = labels
        if 'heatmaps' in encoded:
            sample.gt_fields = PixelData(heatmaps=torch.as_tensor(encoded['heatmaps']))
        samples.append(sample)
    return samples


def test_targets_drawn_by_the_head_give_the_same_loss():
    head = small_head(decoder=SMALL_CODEC)
    feats = (torch.rand(2, 8, 4, 3),)
    shipped = dict(SMALL_CODEC, encode_on_device=True)
    losses = [
        small.loss(feats, encoded_samples(cfg))
        for small, cfg in ((head, SMALL_CODEC), (head, shipped))
    ]
    torch.testing.assert_close(losses[0], losses[1])


def test_accuracy_can_be_switched_off():
    head = small_head(decoder=SMALL_CODEC)
    samples = encoded_samples(SMALL_CODEC)
    feats = (torch.rand(2, 8, 4, 3),)
    assert set(head.loss(feats, samples)) == {'loss_kpt', 'acc_pose'}
    cfg = dict(compute_acc=False)
    assert set(head.loss(feats, samples, cfg)) == {'loss_kpt'}


def test_targets_of_another_size_are_refused():
    head = small_head(decoder=SMALL_CODEC)
    other = dict(SMALL_CODEC, heatmap_size=(24, 32))
    with pytest.raises(ValueError, match=r'`heatmap_size` of the codec to'):
        head.loss((torch.rand(2, 8, 4, 3),), encoded_samples(other))


def test_fused_flip_test_equals_stock(model, case):
    data = preprocess(model, case)
    results = []
    for kind in (dict(type='UDPHeatmap'), dict(type='BatchedUDPHeatmap', border='stock')):
        model.head.decoder = KEYPOINT_CODECS.build({**case.config['head']['decoder'], **kind})
        model.test_cfg = dict(flip_test=True, flip_mode='heatmap')
        with torch.no_grad():
            results.append(model(data['inputs'], data['data_samples'], mode='predict'))
            results[-1] = [sample.pred_instances for sample in results[-1]]
    for index, (stock, ours) in enumerate(zip(*results)):
        np.testing.assert_allclose(ours.keypoint_scores, stock.keypoint_scores, rtol=1e-5)
        stable = case['outputs/flip.stable'][index].bool().numpy()
        np.testing.assert_allclose(
            ours.keypoints[:, stable],
            stock.keypoints[:, stable],
            atol=case.tolerance['keypoints_atol'],
        )
