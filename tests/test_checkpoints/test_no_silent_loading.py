"""What a file says is followed, or refused; and another family needs one module."""

import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from tiny_inference import ARCH, make_image, people, random_weights, tiny_config
from torch import nn

from mmsapiens import SapiensInferencer, build_model
from mmsapiens.checkpoints import (
    convert_checkpoint,
    describe,
    load_checkpoint,
    model_metadata,
    read_checkpoint,
    write_checkpoint,
)
from mmsapiens.checkpoints.build_model import build_encoder
from mmsapiens.checkpoints.families import FAMILIES
from mmsapiens.checkpoints.families.family import Family, count_layers
from mmsapiens.checkpoints.metadata import heads_of
from mmsapiens.cli.main import run
from mmsapiens.engine import CheckpointGuardHook, SapiensViT
from mmsapiens.engine.build import build_without_weights
from mmsapiens.inference.networks import build_network
from mmsapiens.inference.task_network import Options
from mmsapiens.models.archs import FAMILY_ARCHS
from mmsapiens.models.build import assemble

LAYERS = dict(deconv_out_channels=(8, 8), conv_out_channels=(8,))


@pytest.mark.parametrize(
    'changes',
    [
        dict(mean=[100.0, 110.0, 120.0], std=[50.0, 60.0, 70.0]),
        dict(bgr_to_rgb=False),
        dict(mean=None, std=None),
    ],
    ids=['other numbers', 'bgr', 'none'],
)
@pytest.mark.parametrize('task', ['depth', 'pose-17'])
def test_without_config_as_with_it(task, changes, tmp_path):
    cfg = Config.fromfile(tiny_config(task, tmp_path))
    cfg.model.data_preprocessor.update(changes)
    cfg.dump(tmp_path / 'changed.py')
    meta = dict(mmsapiens=model_metadata(build_without_weights(tmp_path / 'changed.py')))
    weights = random_weights(tmp_path / 'changed.py', tmp_path / 'w.safetensors', meta=meta)
    image, boxes = make_image(), people([10, 5, 60, 50])
    with_config, without = (
        build_network(task, config, weights, Options(flip_test=False))
        for config in (tmp_path / 'changed.py', None)
    )
    for name in ('mean', 'std', 'swap_channels', 'size_hw'):
        assert getattr(with_config.model.rule, name) == getattr(without.model.rule, name)
    expected, found = (
        network.finish(image, boxes, network.forward([network.prepare(image, boxes, 0)]))
        for network in (with_config, without)
    )
    name = 'values' if task == 'depth' else 'keypoints'
    np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-5)
    again = write_checkpoint(
        without.model.state_dict(),
        tmp_path / 'again.pth',
        dict(mmsapiens=model_metadata(without.model)),
    )
    assert build_model(None, task, checkpoint=again).rule == without.model.rule
    assert build_encoder(weights)[1].mean == without.model.rule.mean


def test_another_config_is_warned_about(tmp_path, caplog):
    cfg = Config.fromfile(tiny_config('depth', tmp_path))
    cfg.model.data_preprocessor.update(mean=[1.0, 2.0, 3.0])
    meta = dict(mmsapiens=model_metadata(build_without_weights(cfg)))
    path = random_weights(tmp_path / 'sapiens-test_depth.py', tmp_path / 'w.pth', meta=meta)
    build_network('depth', tmp_path / 'sapiens-test_depth.py', path)
    assert "trained with {'mean': (1.0, 2.0, 3.0)}" in caplog.text


def tiny_file(path, task, facts=None, **changes):
    """A file of one task in the layout of a training, with or without metadata."""
    model = build_model('sapiens-tiny', task, img_size=(64, 48))
    prefix = 'head' if model.tasks[task].is_pose else 'decode_head'
    weights = {
        key.replace(f'heads.{task}', prefix): value for key, value in model.state_dict().items()
    }
    meta = {}
    if facts is not None:
        own = model_metadata(model)
        own['tasks'][0].update(facts)
        meta = dict(mmsapiens=own)
    return write_checkpoint({**weights, **changes}, path, meta)


STOCK = {'head.deconv_layers.1.weight': torch.ones(96)}
WRONG = {
    'albedo': ('normal', 'normal', dict(field='albedo_map'), {}, 'for albedo_map.* for normal_map'),
    'matte': ('depth', 'depth', dict(field='matte'), {}, 'for matte.* for depth_map'),
    'other keypoints': ('pose-17', 'pose-17', dict(set='mine'), {}, 'mine.*coco'),
    'other classes': ('seg-28', 'seg-28', dict(set='others'), {}, 'others.*goliath28'),
    'stock head': ('pose-17', 'pose-17', None, STOCK, 'batch norms'),
    'number of keypoints': ('pose-133', 'pose-17', None, {}, '133 keypoints.* not fit'),
    'parsing for pose': ('seg-28', 'pose-17', None, {}, 'head of another task'),
    'depth for normals': ('depth', 'normal', None, {}, '1 output channels.* not fit normal_map'),
    'normals for depth': ('normal', 'depth', {}, {}, 'for normal_map.* for depth_map'),
}


@pytest.mark.parametrize('name', WRONG)
def test_a_wrong_head_is_refused_without_a_config(name, tmp_path, capsys):
    has, asked, facts, changes, text = WRONG[name]
    path = tiny_file(tmp_path / 'w.pth', has, facts, **changes)
    with pytest.raises(ValueError, match=f'w.pth: .*{text}'):
        build_model('sapiens-tiny', asked, checkpoint=path)
    with pytest.raises(Exception, match=text):
        inferencer = SapiensInferencer('sapiens-tiny', [asked], weights={asked: path}, device='cpu')
        list(inferencer.stream([np.zeros((50, 40, 3), np.uint8)]))
    photograph = tmp_path / 'photograph.png'
    cv2.imwrite(str(photograph), np.zeros((50, 40, 3), np.uint8))
    words = ['infer', str(photograph), '--model', 'sapiens-tiny', '--tasks', asked]
    words += ['--weights', f'{asked}={path}', '--people', 'image', '--device', 'cpu', '--quiet']
    assert run([*words, '--out', str(tmp_path / 'out')]) != 0
    assert re.search(text, ' '.join(capsys.readouterr().err.split()))


def test_a_file_without_metadata_is_what_its_user_says(tmp_path):
    path = tiny_file(tmp_path / 'w.pth', 'normal')
    with pytest.raises(ValueError, match='does not say what its head'):
        describe(path)
    assert build_model('sapiens-tiny', 'normal', checkpoint=path).heads['normal'].out_channels == 3


def test_sets_that_are_not_ours_have_a_name(tmp_path):
    model = build_without_weights(tiny_config('pose-17', tmp_path))
    (facts,) = heads_of(model, dict(dataset_name='birds', keypoint_id2name={0: 'beak'}))
    assert facts.set == 'birds'
    names = build_model('sapiens-tiny', 'pose-17').tasks['pose-17'].keypoint_set.keypoint_names
    (facts,) = heads_of(model, dict(dataset_name='x', keypoint_id2name=dict(enumerate(names))))
    assert facts.set == 'coco'
    parser = build_without_weights(tiny_config('seg-28', tmp_path))
    assert heads_of(parser, dict(classes=('a', 'b')))[0].set == 'others'


def test_a_model_of_several_heads_takes_its_own_file(tmp_path):
    model = assemble(ARCH, ['depth', 'normal'], img_size=(64, 48))
    path = write_checkpoint(
        model.state_dict(), tmp_path / 'two.pth', dict(mmsapiens=model_metadata(model))
    )
    report = load_checkpoint(assemble(ARCH, ['depth', 'normal'], img_size=(64, 48)), path)
    assert report.initialized == [] and 'heads for depth, normal' in report.content


class ToyEncoder(nn.Module):
    """A second family: its blocks are `blocks.N`, its embedding is `stem`."""

    family = 'toy'
    archs = {'toy_small': dict(embed_dims=8, num_layers=2)}

    def __init__(self, arch, img_size, patch_size=16, patch_padding=0, slope=1.0, **_):
        super().__init__()
        self.slope = slope
        self.arch, self.img_size, self.num_layers = dict(arch), tuple(img_size), arch['num_layers']
        self.embed_dims = arch['embed_dims']
        self.patch_embed = SimpleNamespace(padding=patch_padding, patch_size=patch_size)
        self.stem = nn.Conv2d(3, self.embed_dims, patch_size, patch_size)
        self.blocks = nn.ModuleList(
            nn.Conv2d(self.embed_dims, self.embed_dims, 1) for _ in range(self.num_layers)
        )

    @classmethod
    def usual_hw(cls, arch):
        return 64, 48

    def forward(self, img):
        x = self.stem(img)
        for block in self.blocks:
            x = x + self.slope * block(x).relu()
        return (x,)


class ToyFamily(Family):
    """All that is needed for files of the toys, some of which call the stem `entry`."""

    encoder = ToyEncoder
    signs = needed = ('stem.weight',)
    keys = re.compile(r'(stem|blocks\.\d+)\.(weight|bias)')
    others = re.compile('decoder.*')
    options = (*Family.options, 'slope')

    def to_ours(self, weights):
        return {key.replace('entry.', 'stem.'): value for key, value in weights.items()}

    def measure(self, weights):
        dims, _, patch, _ = weights['stem.weight'].shape
        arch = dict(embed_dims=dims, num_layers=count_layers(weights, r'blocks\.(\d+)\.'))
        return dict(arch=arch, patch_size=patch, num_tokens=0, has_cls_token=False)

    def stated(self, encoder):
        return dict(super().stated(encoder), slope=encoder.slope)

    def adapt(self, encoder, weights):
        if weights.get('stem.bias', torch.zeros(1)).isnan().any():
            raise ValueError('`stem.bias` of the checkpoint has numbers that are none')
        return super().adapt(encoder, weights)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(FAMILIES, 'toy', ToyFamily())
    monkeypatch.setitem(FAMILY_ARCHS, 'toy', ToyEncoder.archs)
    torch.manual_seed(0)
    options = dict(img_size=(64, 48), head_layers=dict(depth=LAYERS), encoder=ToyEncoder)
    return assemble(ToyEncoder.archs['toy_small'], ['depth'], slope=0.5, **options).eval()


def test_another_family_is_built_and_loaded_by_the_same_code(toy, tmp_path, tiny_arch):
    meta = dict(mmsapiens=model_metadata(toy))
    assert meta['mmsapiens']['family'] == 'toy'
    path = write_checkpoint(toy.state_dict(), tmp_path / 'toy.safetensors', meta)
    image = make_image().image
    again = build_model(None, 'depth', checkpoint=path)
    assert isinstance(again.backbone, ToyEncoder)
    assert again.backbone.slope == 0.5
    torch.testing.assert_close(again([image])['depth'], toy([image])['depth'])
    toy.backbone.slope = 1.0
    plain = {k.replace('heads.depth', 'decode_head'): v for k, v in toy.state_dict().items()}
    path = write_checkpoint(plain, tmp_path / 'plain.pth')
    assert 'toy_small' in str(describe(path, 'depth'))
    again = build_model(None, 'depth', checkpoint=path, patch_padding=0)
    torch.testing.assert_close(again([image])['depth'], toy([image])['depth'])
    fresh = ToyEncoder(toy.backbone.arch, (64, 48))
    assert load_checkpoint(fresh, path).initialized == []
    assert torch.equal(fresh.stem.weight, toy.backbone.stem.weight)
    theirs = {k.replace('stem.', 'entry.'): v for k, v in plain.items()}
    encoder, rule = build_encoder(write_checkpoint(theirs, tmp_path / 'theirs.pth'), task='depth')
    assert torch.equal(encoder.stem.weight, toy.backbone.stem.weight)
    assert rule.size_hw == (64, 48) and encoder.patch_embed.padding == 'corner'
    convert_checkpoint(path, tmp_path / 'new.pth', encoder_only=True, with_hash=False, task='depth')
    assert describe(tmp_path / 'new.pth').own['arch'] == toy.backbone.arch
    for change, words in (
        ({'backbone.stem.bias': torch.full((8,), torch.nan)}, 'numbers that are none'),
        ({'backbone.stem.gain': torch.ones(8)}, 'unknown to the model.*stem.gain'),
    ):
        path = write_checkpoint(plain | change, tmp_path / 'bad.pth')
        with pytest.raises(ValueError, match=words):
            load_checkpoint(ToyEncoder(toy.backbone.arch, (64, 48)), path)
    deeper = ToyEncoder(dict(embed_dims=8, num_layers=3), (64, 48))
    with pytest.raises(ValueError, match='toy_small.*but the model has .* with 3 layers'):
        load_checkpoint(deeper, tmp_path / 'toy.safetensors')


def test_families_do_not_mix(toy, tmp_path):
    path = write_checkpoint(toy.state_dict(), tmp_path / 'toy.pth')
    ours = assemble(ARCH, ['depth'], img_size=(64, 48), head_layers=dict(depth=LAYERS))
    with pytest.raises(ValueError, match="family 'toy', but the model has one of 'sapiens'"):
        load_checkpoint(ours, path)
    other = write_checkpoint(ours.state_dict(), tmp_path / 'ours.pth')
    with pytest.raises(ValueError, match="family 'sapiens', but the model has one of 'toy'"):
        load_checkpoint(toy, other)
    assert read_checkpoint(other)['state_dict'].keys() == ours.state_dict().keys()


@pytest.mark.parametrize('name', ['toy-small', 'toy_small'])
def test_a_size_of_another_family_has_a_name(toy, name, tmp_path):
    built = build_model(name, 'depth', img_size=(64, 48))
    assert isinstance(built.backbone, ToyEncoder) and built.backbone.embed_dims == 8
    path = write_checkpoint(
        toy.state_dict(), tmp_path / 'toy.pth', dict(mmsapiens=model_metadata(toy))
    )
    again = build_model(name, 'depth', checkpoint=path)
    assert torch.equal(again.backbone.stem.weight, toy.backbone.stem.weight)
    inferencer = SapiensInferencer(name, 'depth', weights=path, device='cpu')
    assert isinstance(inferencer.networks['depth'].model.backbone, ToyEncoder)
    with pytest.raises(KeyError, match="'sapiens-tiny'.*but got 'toy-large'"):
        build_model('toy-large', 'depth')


def test_names_of_tasks_may_have_dots(tmp_path):
    names = ['depth-v1.5', 'normal.2']
    layers = dict.fromkeys(names, LAYERS)
    model = assemble(ARCH, names, img_size=(64, 48), head_layers=layers).eval()
    image = make_image().image
    own = dict(mmsapiens=model_metadata(model))
    path = write_checkpoint(model.state_dict(), tmp_path / 'two.pth', own)
    again = build_model(None, names[::-1], checkpoint=path)
    for name in names:
        torch.testing.assert_close(again([image])[name], model([image])[name])
    plain = {k.replace('heads.depth-v1_5', 'decode_head'): v for k, v in model.state_dict().items()}
    plain = {k: v for k, v in plain.items() if 'normal' not in k}
    own['mmsapiens']['tasks'].pop()
    path = write_checkpoint(plain, tmp_path / 'one.pth', own)
    inferencer = SapiensInferencer(tasks='depth-v1.5', weights=path, device='cpu')
    assert inferencer.tasks == ('depth-v1.5',)


def test_files_of_init_cfg_are_checked_by_what_they_say(tmp_path):
    path = tiny_file(tmp_path / 'albedo.pth', 'normal', dict(field='albedo_map'))
    cfg = Config.fromfile(tiny_config('normal', tmp_path))
    pretrained = dict(type='Pretrained', checkpoint=str(path))
    runner = SimpleNamespace(model=build_without_weights(cfg))
    for part in (runner.model, runner.model.decode_head):
        part.init_cfg = pretrained
        with pytest.raises(
            ValueError, match='`init_cfg` of .*albedo.pth: .*albedo_map.*normal_map'
        ):
            CheckpointGuardHook().before_run(runner)
        part.init_cfg = None
    CheckpointGuardHook().before_run(runner)
    encoder = SapiensViT('sapiens_tiny', (64, 48))
    own = dict(mmsapiens=model_metadata(encoder))
    path = write_checkpoint(encoder.state_dict(), tmp_path / 'encoder.pth', own)
    pretrained = dict(type='Pretrained', checkpoint=str(path))
    SapiensViT('sapiens_tiny', (64, 48), init_cfg=pretrained).init_weights()
    other = dict(encoder.arch, num_heads=2)
    with pytest.raises(ValueError, match='encoder.pth: `num_heads` .* 4, but got 2'):
        SapiensViT(other, (64, 48), init_cfg=pretrained).init_weights()
