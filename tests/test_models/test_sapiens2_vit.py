import json
import warnings

import pytest
import torch
from parity import Case, fixture_folder

from mmsapiens.models import Sapiens2ViT
from mmsapiens.models.archs import SAPIENS2_ARCHS
from mmsapiens.models.sapiens2_vit import patch_centers, rope_periods, rope_tables

PARAMETERS = {
    'sapiens2_0.1b': 113993472,
    'sapiens2_0.4b': 395450368,
    'sapiens2_0.8b': 814283520,
    'sapiens2_1b': 1455474176,
    'sapiens2_1b_4k': 1606588928,
    'sapiens2_5b': 5066902976,
}
ARCH = dict(embed_dims=32, num_layers=18, num_heads=4, feedforward_channels=64)
MODELS = ('mha', 'gqa')


def build(config, weights, rope_dtype='float32', **kwargs):
    model = Sapiens2ViT(config['arch'], config['img_size'], rope_dtype=rope_dtype, **kwargs).eval()
    model.load_state_dict({k: v for k, v in weights.items() if 'periods' not in k})
    return model


def parts(case, name):
    """Weights, and the names of the inputs of one of the models of a case."""
    start = f'{name}.'
    weights = case.group('weights')
    mine = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
    images = [k for k in case.group('inputs') if k.startswith(start) and k.endswith('.image')]
    assert mine and images
    return mine, images


@pytest.mark.parametrize('arch', PARAMETERS)
def test_parameter_counts_are_those_of_the_release(arch):
    with torch.device('meta'):
        model = Sapiens2ViT(arch)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[arch]


def test_sizes_are_those_of_the_table():
    path = fixture_folder().parent / 'reference' / 'sapiens2_architectures.json'
    if not path.is_file():
        pytest.skip(f'no file {path}')
    for name, row in json.loads(path.read_text())['sizes'].items():
        arch = SAPIENS2_ARCHS[name.replace('-', '_')]
        for key in ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels'):
            if key in row:
                assert arch[key] == row[key]


@pytest.mark.filterwarnings('ignore:of images of')
@pytest.mark.parametrize('name', MODELS)
def test_features_equal_the_reference(name):
    case = Case('s2_backbone')
    weights, images = parts(case, name)
    model = build(case.config[name], weights)
    rounded = build(case.config[name], weights, 'bfloat16')
    share = case.scalar(f'{name}.mean_abs_bf16_vs_fp32_rope')
    largest = case.scalar(f'{name}.max_abs_bf16_vs_fp32_rope')
    with torch.no_grad():
        for key in images:
            image, stem = case[f'inputs/{key}'], f'outputs/{key.removesuffix("image")}'
            expected = case[f'{stem}featmap_rope_fp32']
            case.assert_close(model(image)[0], expected)
            case.assert_close(model.requires_grad_(True)(image)[0], expected)
            error = (rounded(image)[0] - case[f'{stem}featmap_rope_bf16']).abs()
            assert error.mean() <= 0.25 * share and error.max() <= 0.5 * largest
    (with_grad,) = model(case[f'inputs/{images[0]}'])
    case.assert_close(with_grad.detach(), case[f'outputs/{name}.native.featmap_rope_fp32'])


@pytest.mark.parametrize('name', MODELS)
def test_tokens_and_layers_equal_the_reference(name):
    case = Case('s2_backbone')
    weights, _ = parts(case, name)
    image, stem = case[f'inputs/{name}.native.image'], f'{name}.native.'
    layers = [k for k in case.group('outputs') if k.startswith(f'{stem}layer')]
    indices = [int(k.removeprefix(f'{stem}layer').split('_')[0]) for k in layers]
    model = build(case.config[name], weights, out_type='raw', out_indices=indices)
    with torch.no_grad():
        found = dict(zip(sorted(indices), model(image)))
        for key, index in zip(layers, indices):
            case.assert_close(found[index], case[f'outputs/{key}'])
        case.assert_close(found[max(indices)], case[f'outputs/{stem}tokens_rope_fp32'])
        case.assert_close(found[max(indices)], case[f'outputs/{stem}hf_last_hidden_state'])
        for key in case.group('outputs'):
            if key.startswith(f'{stem}hf_backbone_layer'):
                # transformers normalizes every layer that is asked for
                index = int(key.removeprefix(f'{stem}hf_backbone_layer'))
                maps = model.ln1(found[index])[:, 9:].mT.unflatten(2, model.patch_grid)
                case.assert_close(maps, case[f'outputs/{key}'])
        rounded = build(case.config[name], weights, 'bfloat16', out_type='raw')
        error = (rounded(image)[0] - case[f'outputs/{stem}tokens_rope_bf16']).abs()
        assert error.mean() <= 0.25 * case.scalar(f'{name}.mean_abs_bf16_vs_fp32_rope')
        half = rounded.bfloat16()
        for key in ('tokens_bf16_model', 'hf_bf16_model'):
            error = (half(image.bfloat16())[0].float() - case[f'outputs/{stem}{key}']).abs()
            assert error.mean() <= 0.02


@pytest.mark.parametrize('with_cp', [False, True])
@pytest.mark.parametrize('name', MODELS)
def test_gradients_equal_the_reference(name, with_cp):
    case = Case('s2_backbone')
    weights, _ = parts(case, name)
    model = build(case.config[name], weights, with_cp=with_cp).train()
    image = case[f'inputs/{name}.native.image'].requires_grad_(True)
    (maps,) = model(image)
    (maps * case[f'inputs/{name}.native.cotangent']).sum().backward()
    parameters = dict(model.named_parameters(), image=image)
    grads = {k: v for k, v in case.group('grads').items() if k.startswith(f'{name}.')}
    assert grads
    for key, expected in grads.items():
        case.assert_grad_close(parameters[key.removeprefix(f'{name}.')].grad, expected)


@pytest.mark.parametrize('name', MODELS)
def test_the_rotation_equals_the_reference(name):
    case = Case('s2_backbone')
    config = case.config[name]
    head_dim = config['arch']['embed_dims'] // config['arch']['num_heads']
    grid = [side // case.config['patch_size'] for side in config['img_size']]
    for short, dtype in (('bf16', torch.bfloat16), ('fp32', torch.float32)):
        centers = [patch_centers(count, dtype, 'cpu') for count in grid]
        tables = rope_tables(centers, rope_periods(head_dim, dtype))
        for kind, table in zip(('sin', 'cos'), tables):
            expected = case[f'outputs/{name}.rope_{kind}_{short}']
            torch.testing.assert_close(table.float(), expected, atol=1e-6, rtol=1e-5)
    periods = rope_periods(head_dim, torch.float32)
    torch.testing.assert_close(periods, case[f'outputs/{name}.rope_periods_fp32'])
    for width, expected in case.doc['periods'].items():
        for short, dtype in (('bf16', torch.bfloat16), ('fp32', torch.float32)):
            found = rope_periods(int(width), dtype).float()
            torch.testing.assert_close(found, torch.tensor(expected[short]))


@pytest.mark.parametrize('with_cp', [False, True])
def test_the_window_tokenizer_equals_the_reference(with_cp, monkeypatch):
    case = Case('s2_backbone_4k')
    monkeypatch.setattr('mmsapiens.models.sapiens2_vit.WINDOWS_AT_ONCE', 5)
    weights = case.group('weights')
    model = build(case.config, weights, out_type='raw', with_cp=with_cp)
    rounded = build(case.config, weights, 'bfloat16', out_type='raw')
    seen = []
    model.tokenizer.register_forward_hook(lambda *args: seen.append(args[2]))
    for stem in ('native', 'other_size'):
        image = case[f'inputs/{stem}.image']
        seen.clear()
        with torch.no_grad():
            (tokens,) = model(image)
            case.assert_close(torch.cat(seen)[None], case[f'outputs/{stem}.tokenizer'])
            case.assert_close(tokens, case[f'outputs/{stem}.tokens_rope_fp32'])
            expected = case[f'outputs/{stem}.tokens_rope_bf16']
            case.assert_close(rounded(image)[0], expected, 'bf16_')
    (tokens,) = model.train()(case['inputs/native.image'])
    (tokens * case['inputs/native.cotangent']).sum().backward()
    parameters = dict(model.named_parameters())
    for key, expected in case.group('grads').items():
        case.assert_grad_close(parameters[key].grad, expected)
    with pytest.raises(ValueError, match='multiple of 4 patches in both directions, but got 13x8'):
        model(torch.zeros(1, 3, 13 * 16, 8 * 16))


def test_rates_of_layers_equal_the_reference():
    from mmsapiens.engine.optim.layer_decay import ViTLayerDecayConstructor

    case = Case('s2_layer_decay')
    config = case.config
    model = torch.nn.Module()
    with torch.device('meta'):
        model.backbone = Sapiens2ViT(config['arch'])
        model.decode_head = torch.nn.Conv2d(config['arch']['embed_dims'], 3, 1)
    construct = ViTLayerDecayConstructor(
        dict(optimizer=dict(type='AdamW', lr=config['lr'], weight_decay=config['weight_decay'])),
        dict(layer_decay_rate=config['layer_decay_rate']),
    )
    groups = []
    construct.add_params(groups, model)
    found = {id(p): group for group in groups for p in group['params']}
    expected = {k: v for k, v in case.doc['parameters'].items() if k.startswith('backbone.')}
    names = {f'backbone.{name}' for name, _ in model.backbone.named_parameters()}
    assert names == {k for k in expected if 'tokenizer' not in k}
    for name, parameter in model.named_parameters():
        row = case.doc['parameters'].get(name)
        if row is None:
            assert name.startswith('decode_head.')
            row = next(v for k, v in case.doc['parameters'].items() if k.startswith('decode_head.'))
            row = dict(row, weight_decay=0 if name.endswith('bias') else config['weight_decay'])
        group = found[id(parameter)]
        assert group['lr'] == pytest.approx(row['lr'], rel=case.tolerance['rtol'])
        assert group['weight_decay'] == row['weight_decay'], name
    tokenized = Sapiens2ViT(dict(ARCH, num_tokenizer_layers=1))
    assert tokenized.layer_of('tokenizer.blocks.0.ffn.w3.weight') == 0
    assert tokenized.layer_of('ln1.weight') == ARCH['num_layers'] + 1


def test_pixels_beyond_the_last_patch_are_named():
    model = Sapiens2ViT(dict(ARCH, num_layers=1), (32, 32)).eval()
    with pytest.warns(UserWarning, match='of images of 40x47 only 32x32 are seen'):
        model(torch.zeros(1, 3, 40, 47))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        model(torch.zeros(1, 3, 48, 16))
    with pytest.raises(ValueError, match='at least one patch of 16 pixels, but got 15x64'):
        model(torch.zeros(1, 3, 15, 64))


def test_grouped_heads_are_those_of_repeated_keys():
    torch.manual_seed(0)
    attention = Sapiens2ViT(ARCH, (32, 32)).blocks[9].attn
    assert attention.wk.weight.shape == (16, 32)
    x = torch.randn(2, 13, 32)
    query, key, value = (
        linear(x).unflatten(-1, (-1, 8)) for linear in (attention.wq, attention.wk, attention.wv)
    )
    query, key = attention.q_norm(query), attention.k_norm(key)
    key, value = (each.repeat_interleave(2, dim=2) for each in (key, value))
    score = torch.einsum('blnd,bmnd->bnlm', query, key) / 8**0.5
    expected = torch.einsum('bnlm,bmnd->blnd', score.softmax(-1), value).flatten(2)
    torch.testing.assert_close(attention(x), attention.gamma(attention.proj(expected)))


def test_training_is_not_random_unless_asked():
    image = torch.randn(1, 3, 32, 32)
    plain = Sapiens2ViT('tiny', (32, 32)).train()
    assert torch.equal(plain(image)[0], plain(image)[0])
    for option in (dict(coord_shift=0.5), dict(coord_jitter=1.5), dict(coord_rescale=2.0)):
        model = Sapiens2ViT('tiny', (32, 32), layer_scale=1.0, **option).train()
        model.init_weights()
        first, second = model(image)[0], model(image)[0]
        assert not torch.equal(first, second)
        model.eval()
        assert torch.equal(model(image)[0], model(image)[0])
    with pytest.raises(ValueError, match='`coord_rescale` must be at least 1, but got 0.5'):
        Sapiens2ViT('tiny', coord_rescale=0.5)


@pytest.mark.parametrize(
    'option, words',
    [
        (dict(arch='9b'), "one of .*'sapiens2_5b'.* but got '9b'"),
        (
            dict(arch=dict(ARCH, depth=3)),
            "may have \\['num_tokenizer_layers'\\], but got .*'depth'",
        ),
        (dict(rope_dtype='float16'), "`rope_dtype` must be of .* but got 'float16'"),
        (dict(patch_padding=2), 'pads nothing'),
        (dict(arch=dict(ARCH, num_heads=3)), 'divisible by 4 \\* `num_heads`'),
    ],
)
def test_wrong_options_are_named(option, words):
    with pytest.raises((KeyError, ValueError), match=words):
        Sapiens2ViT(**{'arch': ARCH, **option})


@pytest.mark.parametrize('frozen', [0, 1, 2])
def test_frozen_layers_get_no_gradient(frozen):
    arch = dict(ARCH, num_layers=2, num_tokenizer_layers=1)
    model = Sapiens2ViT(arch, (64, 64), frozen_stages=frozen).train()
    image = torch.randn(1, 3, 64, 64, requires_grad=True)
    model(image)[0].sum().backward()
    for name, parameter in model.named_parameters():
        depth = model.layer_of(name)
        is_frozen = depth <= frozen or (depth == 3 and frozen == 2)
        assert (parameter.grad is None) == is_frozen, name


def test_types_periods_and_autocast():
    model = Sapiens2ViT('tiny', (64, 48), rope_dtype='float32').eval()
    periods = list(model.periods)
    assert model.bfloat16().periods == periods and 'periods' not in str(model.state_dict().keys())
    model = model.float()
    image = torch.randn(1, 3, 64, 48)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        (maps,) = model(image)
    torch.testing.assert_close(maps.float(), model(image)[0], atol=0.1, rtol=0.1)


@pytest.mark.parametrize('arch', ['tiny', dict(ARCH, num_tokenizer_layers=1)])
def test_export_and_compile_give_the_same(arch):
    model = Sapiens2ViT(arch, (64, 64)).eval()
    image = torch.randn(2, 3, 64, 64)
    expected = model(image)[0]
    batch = torch.export.Dim('batch', min=1, max=64)
    program = torch.export.export(model, (image,), dynamic_shapes=({0: batch},))
    torch.testing.assert_close(program.module()(image)[0], expected)
    torch.testing.assert_close(program.module()(image[:1])[0], expected[:1])
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    torch.testing.assert_close(compiled(image)[0], expected)
