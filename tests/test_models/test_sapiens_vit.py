import pytest
import torch
from mmengine.model import BaseModule
from parity import Case, assert_init_stats, sapiens_vit_cfg

from mmsapiens.engine import SapiensViT
from mmsapiens.models.archs import SAPIENS_ARCHS, get_arch
from mmsapiens.models.pos_embed import resize_pos_embed
from mmsapiens.registry import MODELS

PAPER_SIZES = ('sapiens_0.3b', 'sapiens_0.6b', 'sapiens_1b', 'sapiens_2b')
# Encoder at 1024x768 without, and at 1024x1024 with a class token, counted on the reference
# modules.
PARAMETERS = {
    'sapiens_0.3b': (306244608, 307295232),
    'sapiens_0.6b': (634597120, 635910400),
    'sapiens_1b': (1139163648, 1140739584),
    'sapiens_2b': (2131943040, 2133912960),
}


def build(arch, img_size=(64, 48), **kwargs):
    return SapiensViT(arch, img_size, **kwargs).eval()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize('arch', PAPER_SIZES)
def test_parameter_counts_equal_the_reference(arch):
    with torch.device('meta'):
        finetune = SapiensViT(arch)
        pretrain = SapiensViT(arch, 1024, with_cls_token=True)
    assert (count(finetune), count(pretrain)) == PARAMETERS[arch]


@pytest.mark.parametrize('name', ['pose', 'seg', 'normal'])
def test_features_equal_the_reference(name):
    case = Case(f'backbone_{name}')
    model = MODELS.build(sapiens_vit_cfg(case.config)).eval()
    model.load_state_dict(case.group('weights'))
    assert list(model.patch_grid) == case.scalar('patch_grid_of_img_size')
    inputs = case.group('inputs')
    assert inputs
    for key, image in inputs.items():
        expected = case[f'outputs/{key.replace("image", "featmap")}']
        with torch.no_grad():
            (actual,) = model(image)
        case.assert_close(actual, expected)
        (with_grad,) = model(image)
        case.assert_close(with_grad.detach(), expected)


@pytest.mark.parametrize('out_type', ['raw', 'cls_token', 'featmap', 'avg_featmap'])
def test_output_types_equal_the_reference(out_type):
    case = Case('backbone_cls')
    cfg = sapiens_vit_cfg(case.config)
    cfg.update(out_type=out_type, out_indices=case.config['out_indices'])
    model = MODELS.build(cfg).eval()
    weights = case.group('weights')
    if out_type != 'avg_featmap':
        weights = {k: v for k, v in weights.items() if k[:3] != 'ln2'}
    model.load_state_dict(weights)
    with torch.no_grad():
        first, last = model(case['inputs/image'])
        other = model(case['inputs/image_other_size'])[-1]
    case.assert_close(first, case[f'outputs/{out_type}.first'])
    case.assert_close(last, case[f'outputs/{out_type}.last'])
    if out_type == 'raw':
        case.assert_close(other, case['outputs/raw_other_size.last'])


def test_pairs_are_the_maps_and_the_class_tokens(tiny_arch):
    settings = dict(img_size=64, with_cls_token=True, out_indices=(0, 1))
    model = build(tiny_arch, **settings, out_type='featmap_and_cls_token').eval()
    others = [build(tiny_arch, **settings, out_type=name) for name in ('featmap', 'cls_token')]
    image = torch.rand(2, 3, 64, 64)
    expected = []
    for other in others:
        other.load_state_dict(model.state_dict())
        expected.append(other.eval()(image))
    for pair, featmap, cls_token in zip(model(image), *expected):
        assert torch.equal(pair[0], featmap) and torch.equal(pair[1], cls_token)
    with pytest.raises(ValueError, match='featmap_and_cls_token.* needs `with_cls_token=True`'):
        build(tiny_arch, out_type='featmap_and_cls_token')


def test_dpt_head_of_mmseg_takes_pairs(tiny_arch):
    from mmseg.registry import MODELS as HOST

    arch = dict(tiny_arch, num_layers=4)
    backbone = dict(type='SapiensViT', arch=arch, img_size=64, with_cls_token=True)
    model = HOST.build(
        dict(
            type='EncoderDecoder',
            backbone=dict(backbone, out_indices=(0, 1, 2, 3), out_type='featmap_and_cls_token'),
            decode_head=dict(
                type='DPTHead',
                in_channels=(32,) * 4,
                channels=8,
                embed_dims=32,
                post_process_channels=[8] * 4,
                num_classes=3,
                readout_type='project',
                input_transform='multiple_select',
                in_index=(0, 1, 2, 3),
                norm_cfg=dict(type='BN'),
            ),
        )
    )
    assert model(torch.rand(3, 3, 64, 64)).shape == (3, 3, 32, 32)


def test_pretrained_checkpoint_loads_as_in_the_reference(tmp_path):
    case = Case('ckpt_load')
    path = tmp_path / 'clean.pth'
    torch.save(case.group('weights'), path)
    source = case.config['source']
    assert case.config['targets']
    for name, target in case.config['targets'].items():
        model = SapiensViT(
            source['arch'],
            target['img_size'],
            source['patch_size'],
            patch_padding=target['padding'],
            with_cls_token=target['with_cls_token'],
            init_cfg=dict(type='Pretrained', checkpoint=str(path)),
        ).eval()
        model.init_weights()
        expected = case[f'outputs/{name}.pos_embed']
        case.assert_close(model.pos_embed.detach(), expected)
        if f'inputs/{name}.image' in case.tensors:
            with torch.no_grad():
                (feats,) = model(case[f'inputs/{name}.image'])
            torch.testing.assert_close(
                feats,
                case[f'outputs/{name}.featmap'],
                atol=case.tolerance['featmap_atol'],
                rtol=case.tolerance['rtol'],
            )
        if target['with_cls_token']:
            weights = case.group('weights')
            assert torch.equal(model.cls_token.data, weights['cls_token'])


def test_default_output_is_one_feature_map(tiny_arch):
    (feats,) = build(tiny_arch)(torch.zeros(2, 3, 64, 48))
    assert feats.shape == (2, 32, 4, 3)


@pytest.mark.parametrize('alias', ['0.3b', 'sapiens_0.3b'])
def test_names_of_sizes_have_aliases(alias):
    assert get_arch(alias) == SAPIENS_ARCHS['sapiens_0.3b']


def test_looked_up_size_is_a_copy():
    get_arch('1b')['num_layers'] = 1
    assert SAPIENS_ARCHS['sapiens_1b']['num_layers'] == 40


@pytest.mark.parametrize(
    'padding, grid', [(0, (4, 3)), ('corner', (5, 4)), (2, (4, 3)), (9, (5, 4))]
)
def test_patch_grid_follows_the_padding(tiny_arch, padding, grid):
    model = build(tiny_arch, (70, 50), patch_padding=padding)
    assert model.patch_grid == grid
    assert model(torch.zeros(1, 3, 70, 50))[0].shape[2:] == grid


def test_other_sizes_take_the_resized_position_embedding(tiny_arch):
    model = build(tiny_arch)
    model.init_weights()
    image = torch.zeros(1, 3, 80, 48)
    with torch.no_grad():
        found = model(image)[0]
        other = build(tiny_arch, (80, 48))
        table = resize_pos_embed(model.pos_embed, (4, 3), (5, 3))
        other.load_state_dict({**model.state_dict(), 'pos_embed': table})
        torch.testing.assert_close(found, other(image)[0])


def test_gradient_reaches_the_resized_embedding(tiny_arch):
    model = build(tiny_arch)
    model(torch.rand(1, 3, 80, 48))[0].square().sum().backward()
    assert model.pos_embed.grad.abs().sum() > 0


def test_activation_checkpointing_keeps_gradients(tiny_arch, generator):
    image = torch.rand(2, 3, 64, 48, generator=generator)
    plain = SapiensViT(tiny_arch, (64, 48))
    saving = SapiensViT(tiny_arch, (64, 48), with_cp=True)
    saving.load_state_dict(plain.state_dict())
    for model in (plain, saving):
        model.train()
        model(image)[0].square().mean().backward()
    for (name, a), b in zip(plain.named_parameters(), saving.parameters()):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


@pytest.mark.parametrize('stages', [-1, 0, 1, 2])
def test_frozen_stages_do_not_train(tiny_arch, stages):
    model = SapiensViT(tiny_arch, (64, 48), frozen_stages=stages, with_cls_token=True)
    assert model.train() is model
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert ('pos_embed' in trained) == (stages < 0)
    assert ('cls_token' in trained) == (stages < 0)
    assert ('patch_embed.projection.weight' in trained) == (stages < 0)
    for index in range(2):
        frozen = index < stages
        assert model.layers[index].training != frozen
        assert (f'layers.{index}.ln1.weight' in trained) != frozen
    assert ('ln1.weight' in trained) == (stages < 2)


def test_drop_path_grows_linearly_and_rests_in_eval(tiny_arch, generator):
    arch = dict(tiny_arch, num_layers=3)
    model = SapiensViT(arch, (64, 48), drop_path_rate=0.2)
    rates = [layer.drop_path.drop_prob for layer in model.layers]
    assert rates == pytest.approx([0, 0.1, 0.2])
    image = torch.rand(4, 3, 64, 48, generator=generator)
    model.train()
    torch.manual_seed(0)
    outs = [model(image)[0] for _ in range(8)]
    assert any(not torch.equal(outs[0], out) for out in outs)
    model.eval()
    assert torch.equal(model(image)[0], model(image)[0])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_stays_close_to_float32(tiny_arch, dtype, generator):
    model = build(tiny_arch)
    model.init_weights()
    image = torch.rand(1, 3, 64, 48, generator=generator)
    with torch.no_grad():
        exact = model(image)[0]
        with torch.autocast('cpu', dtype):
            rough = model(image)[0]
    assert (exact - rough.float()).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize('size', [(64, 48), (80, 64)])
def test_compiles_without_graph_breaks(tiny_arch, size, generator):
    model = build(tiny_arch)
    image = torch.rand(2, 3, *size, generator=generator)
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    with torch.no_grad():
        torch.testing.assert_close(compiled(image)[0], model(image)[0])


def test_exports_with_a_dynamic_batch(tiny_arch, generator):
    model = build(tiny_arch)
    image = torch.rand(2, 3, 64, 48, generator=generator)
    program = torch.export.export(model, (image,), dynamic_shapes=({0: torch.export.Dim('batch')},))
    more = torch.rand(5, 3, 64, 48, generator=generator)
    torch.testing.assert_close(program.module()(more)[0], model(more)[0])


def test_fresh_weights_have_the_std_of_the_reference():
    case = Case('pose_init_stats')
    torch.manual_seed(0)
    model = MODELS.build(sapiens_vit_cfg(case.config['backbone']))
    model.init_weights()
    assert_init_stats(case, 'backbone.', model)


def test_pretrained_weights_are_not_overwritten(tiny_arch, tmp_path):
    source = build(tiny_arch)
    source.init_weights()
    path = tmp_path / 'source.pth'
    torch.save(source.state_dict(), path)

    class Model(BaseModule):
        def __init__(self):
            super().__init__()
            self.backbone = build(tiny_arch, init_cfg=dict(type='Pretrained', checkpoint=str(path)))

    model = Model()
    model.init_weights()
    for name, parameter in model.backbone.named_parameters():
        assert torch.equal(parameter, source.state_dict()[name]), name


@pytest.mark.gpu
def test_runs_on_cuda_in_bfloat16(tiny_arch, generator):
    model = build(tiny_arch)
    image = torch.rand(2, 3, 80, 48, generator=generator)
    with torch.no_grad():
        expected = model(image)[0]
        with torch.autocast('cuda', torch.bfloat16):
            actual = model.cuda()(image.cuda())[0]
    scale = expected.abs().max()
    assert (actual.float().cpu() - expected).abs().max() < 0.1 * scale
