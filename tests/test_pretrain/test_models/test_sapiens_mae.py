"""Parity with the reference and with stock mmpretrain."""

import pytest
import torch
from mae_models import TINY_MAE, build, mae_cfg, tiny_mae
from parity import Case, assert_init_stats

from mmsapiens.pretrain.models.sapiens_mae import patch_statistics

NECKS = pytest.mark.parametrize('stock_decoder', [False, True])


@pytest.fixture(scope='module')
def case():
    return Case('mae')


def load(case, stock_decoder=False, norm_pix=None):
    cfg = mae_cfg(case.config, stock_decoder)
    if norm_pix is not None:
        cfg['head']['norm_pix'] = norm_pix
    model = build(cfg)
    model.load_state_dict(case.group('weights'), strict=True)
    return model


def preprocess(model, case):
    data = dict(inputs=case['inputs/image_uint8_bgr'], data_samples=None)
    return model.data_preprocessor(data)['inputs']


def test_input_is_normalized(case):
    inputs = preprocess(load(case), case)
    case.assert_close(inputs[0], case['outputs/normalised_sample0'], 'normalised_')


def test_mask_latent_and_prediction(case):
    model = load(case)
    inputs, noise = preprocess(model, case), case['inputs/noise']
    latent, mask, ids_restore = model.backbone(inputs, noise=noise)
    assert torch.equal(mask, case['outputs/mask'])
    assert torch.equal(ids_restore, case['outputs/ids_restore'])
    patch_mask = model.backbone.draw_mask(2, 'cpu', noise=noise)
    assert patch_mask.num_kept == case.scalar('num_kept')
    assert torch.equal(patch_mask.ids_keep, case['outputs/ids_keep'])
    case.assert_close(latent, case['outputs/latent'])
    pred = case['outputs/pred']
    case.assert_close(model.neck(latent, ids_restore), pred)
    masked = model.neck.predict_masked(latent, patch_mask)
    rows = torch.arange(2)[:, None]
    case.assert_close(masked, pred[rows, patch_mask.ids_masked])


@NECKS
def test_loss_and_gradients(case, stock_decoder):
    model = load(case, stock_decoder)
    inputs = preprocess(model, case)
    loss = model.loss(inputs, [], noise=case['inputs/noise'])['loss']
    rtol = case.tolerance['loss_rtol']
    assert loss.item() == pytest.approx(case.scalar('loss'), rel=rtol)
    loss.backward()
    parameters = dict(model.named_parameters())
    for name, grad in case.group('grads').items():
        case.assert_grad_close(parameters[name].grad, grad)
    without = [n for n, p in parameters.items() if p.grad is None]
    assert without == case.doc['scalars']['params_without_grad']


@NECKS
def test_loss_without_normalized_targets(case, stock_decoder):
    model = load(case, stock_decoder, norm_pix=False)
    inputs = preprocess(model, case)
    loss = model.loss(inputs, [], noise=case['inputs/noise'])['loss']
    expected = case.scalar('loss_without_norm_pix')
    rtol = case.tolerance['loss_rtol']
    assert loss.item() == pytest.approx(expected, rel=rtol)


def test_whole_images_are_not_masked(case):
    model = load(case)
    (feats,) = model(preprocess(model, case), mode='tensor')
    case.assert_close(feats, case['outputs/unmasked_raw'])


def test_target_and_its_statistics(case):
    model = load(case)
    inputs = preprocess(model, case)
    target = model.head.construct_target(inputs)
    case.assert_close(target[0], case['outputs/target_sample0'])
    mean, scale = patch_statistics(model.head.patchify(inputs))
    case.assert_close(mean, case['outputs/patch_mean'])
    case.assert_close(scale, (case['outputs/patch_var'] + 1e-6).sqrt())
    image = model.head.unpatchify(case['outputs/pred'])[0]
    case.assert_close(image, case['outputs/unpatchified_pred_sample0'])


def test_reconstruction_is_scaled_back(case):
    model = load(case)
    inputs = preprocess(model, case)
    result = model.reconstruct(inputs, noise=case['inputs/noise'])
    scale = (case['outputs/patch_var'] + 1e-6).sqrt()
    patches = case['outputs/pred'] * scale + case['outputs/patch_mean']
    case.assert_close(result.predicted, model.head.unpatchify(patches))
    visible = 1 - result.mask
    assert torch.equal(result.combined * visible, inputs * visible)
    share = result.mask.mean().item()
    assert share == pytest.approx(case['outputs/mask'].mean().item())


def test_fresh_parameters_have_the_statistics_of_the_reference():
    case = Case('mae_init_stats')
    torch.manual_seed(0)
    model = build(mae_cfg(case.config))
    model.init_weights()
    tolerance = case.tolerance
    stats = case.doc['stats']
    assert_init_stats(case, '', model)
    parameters = dict(model.named_parameters())
    assert list(parameters) == list(stats)
    for name, parameter in parameters.items():
        assert parameter.requires_grad == stats[name]['requires_grad'], name
        if 'weight' in name and stats[name]['std']:
            bound = parameter.abs().max().item()
            expected = stats[name]['max']
            rtol = tolerance['uniform_bound_rtol']
            assert bound == pytest.approx(expected, rel=rtol), name
    pos_embed = stats['backbone.pos_embed']
    assert model.backbone.pos_embed.mean().item() == pytest.approx(pos_embed['mean'], abs=1e-6)


@pytest.mark.parametrize('mask_ratio', [0.3, 0.75, 0.93])
def test_both_decoders_give_the_same_gradients(mask_ratio, generator):
    torch.manual_seed(0)
    ours = tiny_mae()
    stock = tiny_mae(neck=dict(type='MAEPretrainDecoder'))
    stock.load_state_dict(ours.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 64, generator=generator)
    noise = torch.rand(2, 16, generator=generator)
    for model in (ours, stock):
        drawn = dict(noise=noise, mask_ratio=mask_ratio)
        model.loss(images, [], **drawn)['loss'].backward()
    for mine, theirs in zip(ours.parameters(), stock.parameters()):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=0, atol=1e-5)


def test_loss_ignores_visible_patches(generator):
    model = tiny_mae(head=dict(norm_pix=False))
    image = torch.randn(1, 3, 64, 64, generator=generator)
    noise = torch.arange(16.0)[None]  # the first row of patches is kept
    losses = []
    with torch.no_grad():
        mask = model.backbone.draw_mask(1, 'cpu', noise=noise)
        assert mask.ids_keep.tolist() == [[0, 1, 2, 3]]
        latent = model.backbone.encode(image, mask)
        model.backbone.encode = lambda *_: latent
        for row in (0, 16):
            changed = image.clone()
            changed[:, :, row : row + 16] += 1
            losses.append(model.loss(changed, [], noise=noise)['loss'])
        expected = model.loss(image, [], noise=noise)['loss']
    assert losses[0] == expected
    assert losses[1] != expected


@pytest.mark.parametrize('part', ['backbone', 'neck'])
def test_checkpointing_changes_no_gradient(part, generator):
    torch.manual_seed(0)
    plain = tiny_mae()
    frugal = tiny_mae(**{part: dict(with_cp=True)})
    frugal.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=generator)
    noise = torch.rand(2, 16, generator=generator)
    for model in (plain, frugal):
        model.train().loss(images, [], noise=noise)['loss'].backward()
    for mine, theirs in zip(frugal.parameters(), plain.parameters()):
        assert mine.grad is None or torch.equal(mine.grad, theirs.grad)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(backbone=dict(img_size=(64, 32))), 'must be square'),
        (dict(neck=dict(num_patches=15)), '`neck.num_patches` must be 16'),
        (dict(neck=dict(embed_dim=33)), '`neck.embed_dim` must be 32'),
        (dict(head=dict(patch_size=8)), '`head.patch_size` must be 16'),
        (dict(neck=dict(decoder_depth=0)), '`decoder_depth` must be'),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny_mae(**changes)


def test_other_backbones_are_refused():
    cfg = dict(TINY_MAE, backbone=dict(TINY_MAE['backbone']))
    cfg['backbone']['type'] = 'mmsapiens.SapiensViT'
    with pytest.raises(TypeError, match='must be a MaskedSapiensViT'):
        build(cfg)


def test_compiled_blocks_change_neither_names_nor_numbers(generator):
    torch.manual_seed(0)
    plain = tiny_mae()
    cfg = dict(TINY_MAE, compile_blocks=dict(backend='eager'))
    compiled = build(cfg)
    compiled.load_state_dict(plain.state_dict(), strict=True)
    images = torch.randn(2, 3, 64, 64, generator=generator)
    noise = torch.rand(2, 16, generator=generator)
    expected = plain.loss(images, [], noise=noise)['loss']
    loss = compiled.loss(images, [], noise=noise)['loss']
    torch.testing.assert_close(loss, expected)
    loss.backward()
