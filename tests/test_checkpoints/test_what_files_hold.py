"""Files say what they hold; what is ambiguous is asked, never guessed."""

import json
from types import SimpleNamespace

import pytest
import torch
from checkpoints import make_state_dict
from mmengine.config import Config
from parity import ROOT
from safetensors import safe_open
from test_loading import Model
from torch import nn

from mmsapiens import build_model
from mmsapiens.checkpoints import (
    convert_checkpoint,
    describe,
    load_checkpoint,
    model_metadata,
    read_checkpoint,
    write_checkpoint,
)
from mmsapiens.classes import get_class_set
from mmsapiens.engine import CheckpointGuardHook
from mmsapiens.engine.build import build_without_weights
from mmsapiens.models import SapiensViT


@pytest.fixture
def write(tmp_path, tiny_arch):
    """Write weights of a layout, with what a model says about them if it is given."""

    def write_layout(layout, name='weights.pth', model=None, **changes):
        meta = {} if model is None else dict(mmsapiens=model_metadata(model))
        return write_checkpoint(
            make_state_dict(layout, tiny_arch, **changes), tmp_path / name, meta
        )

    return write_layout


def model_for(arch, layout, field=None):
    model = Model(arch, layout)
    if field is not None:
        model.decode_head.field = field
    return model


@pytest.mark.parametrize('layout', ['depth', 'normal'])
def test_a_head_of_few_channels_is_asked_about(layout, write, tiny_arch, tmp_path):
    path = write(layout)
    for ask in (describe, lambda p: convert_checkpoint(p, tmp_path / 'out.pth')):
        with pytest.raises(ValueError, match=r'does not say what its head .*`task='):
            ask(path)
    assert describe(path, task=layout).layout == layout
    silent = Model(tiny_arch, layout)
    del silent.decode_head.field
    with pytest.raises(ValueError, match=r'does not say what its head .*`task='):
        load_checkpoint(silent, path)
    assert load_checkpoint(silent, path, task=layout).initialized == []


@pytest.mark.parametrize('layout, channels', [('pose', 30), ('seg', 7)])
def test_an_unusual_number_of_channels_is_asked_about(layout, channels, write):
    path = write(layout, out_channels=channels)
    with pytest.raises(ValueError, match=f'{channels} .*`task='):
        describe(path)
    assert describe(path, task=layout).layout == layout
    with pytest.raises(ValueError, match='does not fit'):
        describe(path, task='pose-17' if layout == 'pose' else 'seg-28')


def test_the_model_names_the_task_of_an_old_file(write, tiny_arch):
    report = load_checkpoint(model_for(tiny_arch, 'normal'), write('normal'))
    assert 'with a normal head' in report.content


@pytest.mark.parametrize(
    'layout, field', [('normal', 'albedo_map'), ('depth', 'matte')], ids=['three', 'one']
)
def test_a_head_of_another_task_is_refused(layout, field, write, tiny_arch):
    path = write(layout, model=model_for(tiny_arch, layout, field))
    ours = f'{layout}_map'
    with pytest.raises(ValueError, match=f'{field}.*{ours}'):
        load_checkpoint(model_for(tiny_arch, layout), path)
    with pytest.raises(ValueError, match=f'{field}.*{ours}'):
        describe(path, task=layout)
    assert describe(path).layout == field
    load_checkpoint(model_for(tiny_arch, layout, field), path)


def test_the_runner_refuses_the_head_of_another_task(tiny_arch):
    class Runner:
        model = model_for(tiny_arch, 'normal')
        cfg = Config()

    file = model_for(tiny_arch, 'normal', 'albedo_map')
    checkpoint = dict(state_dict=file.state_dict(), meta=dict(mmsapiens=model_metadata(file)))
    with pytest.raises(ValueError, match='albedo_map.*normal_map'):
        CheckpointGuardHook().after_load_checkpoint(Runner, checkpoint)


def test_stock_heads_and_other_numbers_of_keypoints_are_refused(write, tiny_arch, tmp_path):
    weights = make_state_dict('pose', tiny_arch)
    for name in ('weight', 'bias', 'running_mean', 'running_var'):
        weights[f'head.deconv_layers.1.{name}'] = torch.ones(8)
    with pytest.raises(ValueError, match='batch norms'):
        describe(weights, task='pose')
    path = write('pose', out_channels=133)
    with pytest.raises(ValueError, match='133'):
        load_checkpoint(Model(tiny_arch, 'pose'), path)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_what_a_model_says_survives_conversion(suffix, write, tiny_arch, tmp_path):
    path = write('normal', model=model_for(tiny_arch, 'normal', 'albedo_map'))
    _, copy = convert_checkpoint(path, tmp_path / f'copy{suffix}')
    own = read_checkpoint(copy)['meta']['mmsapiens']
    assert own['family'] == 'sapiens' and own['arch'] == tiny_arch
    assert own['img_size'] == [64, 48] and own['patch_padding'] == 'corner'
    assert own['tasks'] == [dict(field='albedo_map', set=None, channels=3, head='Module')]
    _, encoder = convert_checkpoint(copy, tmp_path / f'encoder{suffix}', encoder_only=True)
    assert read_checkpoint(encoder)['meta']['mmsapiens']['tasks'] == []
    if suffix == '.safetensors':
        with safe_open(copy, 'pt') as file:
            assert json.loads(file.metadata()['meta'])['mmsapiens'] == own


def test_released_names_need_no_task(write):
    name = 'sapiens_0.3b_normal_render_people_epoch_66.pth'
    assert describe(write('normal', name)).layout == 'normal'
    with pytest.raises(ValueError, match='1 output channels.* not fit normal_map'):
        describe(write('depth', name))


def test_encoders_load_from_ambiguous_files(write, tiny_arch):
    report = load_checkpoint(SapiensViT(tiny_arch, (64, 48)), write('depth'))
    assert 'a head of 1 channels' in report.content


def test_other_attention_heads_are_refused(write, tiny_arch):
    path = write('pose', model=Model(tiny_arch, 'pose'))
    with pytest.raises(ValueError, match='`num_heads`.* 2, but got 4'):
        load_checkpoint(SapiensViT(dict(tiny_arch, num_heads=4), (64, 48)), path)


def test_models_of_others_say_nothing():
    assert model_metadata(nn.Linear(2, 2)) is None


def test_unknown_tasks_are_refused(write):
    with pytest.raises(KeyError, match='detph'):
        describe(write('depth'), task='detph')


@pytest.mark.parametrize(
    'config, facts',
    [
        ('pose/goliath308', ('keypoints', 'goliath308', 308, 'InstanceNormHeatmapHead')),
        ('dense/parsing', ('seg_map', 'cihp', 20, 'ParsingHead')),
        ('dense/normal', ('normal_map', None, 3, 'NormalHead')),
        ('pretrain', None),
    ],
)
def test_checkpoints_of_a_training_say_what_they_hold(config, facts, tmp_path):
    path = sorted((ROOT / 'configs' / config).glob('sapiens-tiny*.py'))[-1 if facts is None else 0]
    if 'parsing' in config:
        path = next((ROOT / 'configs' / config).glob('sapiens-tiny*cihp*.py'))
    model = build_without_weights(path)
    sets = dict(dataset_name='goliath308', classes=get_class_set('cihp').classes)
    checkpoint = dict(state_dict={}, meta=dict(epoch=1, dataset_meta=sets))
    CheckpointGuardHook().before_save_checkpoint(SimpleNamespace(model=model), checkpoint)
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    own = read_checkpoint(tmp_path / 'epoch_1.pth')['meta']['mmsapiens']
    assert own['arch']['num_heads'] == 4 and own['patch_padding'] in (0, 2, 'corner')
    assert own['img_size'] == list(model.backbone.img_size)
    assert own['mean'] == pytest.approx([123.675, 116.28, 103.53])
    keys = ('field', 'set', 'channels', 'head')
    found = [tuple(task[key] for key in keys) for task in own['tasks']]
    assert found == ([facts] if facts else [])


def test_a_model_with_several_heads_is_built_again_from_its_file(tiny_arch, tmp_path):
    tasks = ['normal', 'seg-28']
    model = build_model('sapiens-tiny', tasks, img_size=(64, 48), patch_padding=1)
    own = model_metadata(model)
    assert [task['field'] for task in own['tasks']] == ['normal_map', 'seg_map']
    path = write_checkpoint(model.state_dict(), tmp_path / 'two.pth', dict(mmsapiens=own))
    again = build_model(None, tasks, checkpoint=path)
    assert again.backbone.patch_embed.padding == 1
    assert again.backbone.img_size == (64, 48)
