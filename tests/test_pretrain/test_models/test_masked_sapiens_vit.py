import re

import pytest
import torch
from parity import Case

from mmsapiens.pretrain.models import MaskedSapiensViT
from mmsapiens.pretrain.models.masked_sapiens_vit import sincos_pos_embed


@pytest.fixture
def model(tiny_arch):
    torch.manual_seed(0)
    vit = MaskedSapiensViT(tiny_arch, img_size=64)
    vit.init_weights()
    return vit.eval()


@pytest.fixture
def images(generator):
    return torch.randn(2, 3, 64, 64, generator=generator)


def test_position_tables_are_those_of_the_reference():
    case = Case('sincos_pos_embed')
    for name, expected in case.group('outputs').items():
        sides, dims = re.match(r'(?:side|grid)([\dx]+)_dim(\d+)', name).groups()
        # The reference was called with (width, height) of such a grid.
        columns, rows = (sides.split('x') * 2)[:2]
        table = sincos_pos_embed((int(rows), int(columns)), int(dims), name.endswith('cls'))
        case.assert_close(table, expected)


def test_row_comes_first_in_the_position_table():
    table = sincos_pos_embed((2, 3), 4)[0]
    rows, columns = table[:, :2], table[:, 2:]
    assert torch.equal(rows[0], rows[2])
    assert not torch.equal(rows[0], rows[3])
    assert torch.equal(columns[0], columns[3])


def test_kept_tokens_equal_those_of_all_patches_embedded(model, images):
    noise = torch.rand(2, 16)
    mask = model.draw_mask(2, 'cpu', noise=noise)
    tokens, _ = model.patch_embed(images)
    tokens = tokens + model.pos_embed[:, 1:]
    kept = tokens[torch.arange(2)[:, None], mask.ids_keep]
    first = (model.cls_token + model.pos_embed[:, :1]).expand(2, -1, -1)
    x = torch.cat([first, kept], dim=1)
    for layer in model.layers:
        x = layer(x)
    latent, binary, ids_restore = model(images, mask)
    torch.testing.assert_close(latent, model.ln1(x))
    assert torch.equal(binary.sum(dim=1), torch.full((2,), 12.0))
    assert torch.equal(ids_restore, mask.ids.argsort(dim=1))


@pytest.mark.parametrize('ratio, kept', [(0.001, 15), (0.5, 8), (0.75, 4), (0.9, 1), (0.93, 1)])
def test_ratio_may_change_at_run_time(model, images, ratio, kept):
    assert model(images, mask_ratio=ratio)[0].shape == (2, 1 + kept, 32)
    model.mask_ratio = ratio
    assert model(images)[0].shape == (2, 1 + kept, 32)


@pytest.mark.parametrize('ratio', [0, 1, -0.5, 1.5, 0.99])
def test_ratios_out_of_range_are_refused(model, images, tiny_arch, ratio):
    message = '`mask_ratio` must'
    with pytest.raises(ValueError, match=message):
        MaskedSapiensViT(tiny_arch, img_size=64, mask_ratio=ratio)
    with pytest.raises(ValueError, match=message):
        model(images, mask_ratio=ratio)
    with pytest.raises(ValueError, match=message):
        model.mask_ratio = ratio


def test_masks_follow_the_seed(model, images):
    def masks(**draw):
        return model(images, **draw)[1]

    def seeded(seed):
        return torch.Generator().manual_seed(seed)

    assert torch.equal(masks(generator=seeded(1)), masks(generator=seeded(1)))
    assert not torch.equal(masks(generator=seeded(1)), masks(generator=seeded(2)))
    model.generator = seeded(3)
    state = torch.get_rng_state()
    assert torch.equal(masks(), masks(generator=seeded(3)))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    model.generator = None
    assert torch.equal(masks(), masks(generator=seeded(4)))


def test_masks_are_uniform_and_each_image_has_its_own(model, generator):
    masks = model.draw_mask(2000, 'cpu', generator=generator).to_binary()
    assert len(masks.unique(dim=0)) > 1000  # of 1820 possible ones
    share = masks.mean(dim=0)
    torch.testing.assert_close(share, torch.full((16,), 0.75), rtol=0, atol=0.05)


def test_false_means_no_mask(model, images):
    (feats,) = model(images, mask=False)
    assert feats.shape == (2, 17, 32)
    with pytest.raises(TypeError, match='`mask=False`'):
        model(images, mask=None)
    with pytest.raises(ValueError, match='need `mask=True`'):
        model(images, mask=False, mask_ratio=0.5)


def test_position_table_is_frozen(model, images):
    model.train()(images)[0].sum().backward()
    assert model.pos_embed.grad is None
    table = sincos_pos_embed((4, 4), 32, True)
    assert torch.equal(model.pos_embed, table)


def test_pretrained_table_is_kept(model, tiny_arch, tmp_path):
    with torch.no_grad():
        model.pos_embed += 1
        model.cls_token += 1
    path = tmp_path / 'encoder.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    other = MaskedSapiensViT(tiny_arch, img_size=64, init_cfg=init_cfg)
    other.init_weights()
    assert torch.equal(other.pos_embed, model.pos_embed)
    assert torch.equal(other.cls_token, model.cls_token)


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(img_size=60), '`img_size` must be divisible'),
        (dict(img_size=64, patch_padding=2), '`patch_padding` must be'),
        (dict(img_size=64, with_cls_token=False), 'with_cls_token'),
    ],
)
def test_bad_settings_are_refused(tiny_arch, settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        MaskedSapiensViT(tiny_arch, **settings)


def test_images_and_noise_of_another_size_are_refused(model, images):
    with pytest.raises(ValueError, match=r'`img_size` \(64, 64\)'):
        model(images[..., :48])
    with pytest.raises(ValueError, match=r'`noise` must be of shape \(2, 16'):
        model(images, noise=torch.rand(2, 15))
