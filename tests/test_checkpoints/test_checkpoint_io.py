import argparse
import os
from datetime import datetime
from pathlib import Path, PurePath

import pytest
import torch
from checkpoints import LAYOUTS, TASKS, make_state_dict

import mmsapiens.checkpoints.checkpoint_io as checkpoint_io
from mmsapiens.checkpoints import (
    convert_checkpoint,
    describe,
    detect_format,
    get_state_dict,
    read_checkpoint,
    write_checkpoint,
)
from mmsapiens.checkpoints.checkpoint_io import SUFFIXES
from mmsapiens.core.file_type import sha256_of
from mmsapiens.models import SapiensViT


def assert_same(actual, expected):
    assert set(actual) == set(expected)
    for key, value in expected.items():
        assert torch.equal(actual[key], value), key


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_survives_every_format(layout, suffix, tmp_path, tiny_arch):
    weights = make_state_dict(layout, tiny_arch)
    first = write_checkpoint(weights, tmp_path / f'first{suffix}')
    for other in ('.safetensors', '.pth'):
        task = TASKS.get(layout)
        info, second = convert_checkpoint(first, tmp_path / f'second{other}', task=task)
        assert info == describe(weights, task)
        _, third = convert_checkpoint(second, tmp_path / f'third{suffix}')
        assert_same(get_state_dict(read_checkpoint(third)), weights)


@pytest.fixture
def encoder(tiny_arch):
    model = SapiensViT(tiny_arch, (64, 48)).eval()
    model.init_weights()
    return model


def test_torchscript_weights_are_extracted(encoder, tmp_path):
    path = tmp_path / 'encoder_torchscript.pt2'
    image = torch.rand(1, 3, 64, 48)
    torch.jit.save(torch.jit.trace(encoder, image), str(path))
    assert detect_format(path) == 'torchscript'
    with pytest.raises(ValueError, match='TorchScript.*--trust-pickle'):
        read_checkpoint(path)
    weights = read_checkpoint(path, trust_pickle=True)['state_dict']
    assert_same(weights, encoder.state_dict())


def test_exported_weights_are_extracted(encoder, tmp_path):
    path = tmp_path / 'encoder_bfloat16.pt2'
    image = torch.rand(1, 3, 64, 48)
    torch.export.save(torch.export.export(encoder, (image,)), path)
    assert detect_format(path) == 'torch_export'
    with pytest.raises(ValueError, match='torch.export.*--trust-pickle'):
        read_checkpoint(path)
    weights = read_checkpoint(path, trust_pickle=True)['state_dict']
    assert_same(weights, encoder.state_dict())


def test_legacy_torch_files_are_read(encoder, tmp_path):
    path = tmp_path / 'old.pth'
    torch.save(encoder.state_dict(), path, _use_new_zipfile_serialization=False)
    assert detect_format(path) == 'torch'
    assert_same(read_checkpoint(path), encoder.state_dict())


def test_name_gets_the_hash_of_the_file(encoder, tmp_path):
    path = write_checkpoint(encoder.state_dict(), tmp_path / 'encoder.safetensors', with_hash=True)
    digest = sha256_of(path)
    assert path.name == f'encoder-{digest[:8]}.safetensors'
    assert len(digest) == 64


def test_meta_is_kept(tmp_path):
    for suffix in SUFFIXES:
        path = write_checkpoint({'a': torch.zeros(1)}, tmp_path / f'x{suffix}', dict(epoch=3))
        assert read_checkpoint(path)['meta'] == dict(epoch=3)


def test_encoder_alone_and_in_another_type(tmp_path, tiny_arch):
    weights = make_state_dict('pose', tiny_arch)
    source = write_checkpoint(weights, tmp_path / 'pose.pth')
    _, path = convert_checkpoint(
        source, tmp_path / 'encoder.safetensors', encoder_only=True, dtype='bfloat16'
    )
    encoder = read_checkpoint(path)['state_dict']
    assert describe(encoder).layout == 'encoder'
    assert encoder['pos_embed'].dtype == torch.bfloat16


def test_optimizer_states_are_dropped(tmp_path, tiny_arch):
    weights = make_state_dict('pose', tiny_arch)
    source = tmp_path / 'training.pth'
    torch.save(dict(state_dict=weights, optimizer=dict(state={}), meta=dict(epoch=7)), source)
    _, path = convert_checkpoint(source, tmp_path / 'clean.pth')
    clean = read_checkpoint(path)
    assert set(clean) == {'state_dict', 'meta'}
    assert clean['meta'].pop('mmsapiens')['tasks'][0]['set'] == 'coco'
    assert clean['meta'] == dict(epoch=7, source='training.pth', layout='pose')


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_no_file_is_left_when_writing_fails(suffix, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError('disk full')

    monkeypatch.setattr(checkpoint_io, 'save_file', fail)
    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(OSError, match='disk full'):
        write_checkpoint({'a': torch.zeros(1)}, tmp_path / f'x{suffix}')
    assert os.listdir(tmp_path) == []


def test_interrupted_writing_keeps_the_old_file(tmp_path, monkeypatch):
    path = write_checkpoint({'a': torch.zeros(1)}, tmp_path / 'x.pth')
    before = path.read_bytes()
    monkeypatch.setattr(os, 'replace', lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint({'a': torch.ones(1)}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['x.pth']


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of .*, but got '.bin'"):
        write_checkpoint({'a': torch.zeros(1)}, tmp_path / 'x.bin')


def test_tied_tensors_are_written(tmp_path):
    shared = torch.ones(2)
    path = write_checkpoint({'a': shared, 'b': shared}, tmp_path / 'x.safetensors')
    assert_same(read_checkpoint(path)['state_dict'], {'a': shared, 'b': shared})


def wrapped(weights, *wrappers):
    return {''.join(wrappers) + key: value for key, value in weights.items()}


# Layouts of torch.compile, of it below DistributedDataParallel, of AveragedModel, of Lightning, and
# of trainers that keep their arguments beside the weights, such as MAE's and DETR's.
OTHERS = {
    'compiled': lambda w: wrapped(w, '_orig_mod.'),
    'compiled_and_parallel': lambda w: wrapped(w, 'module.', '_orig_mod.'),
    'averaged': lambda w: {'n_averaged': torch.tensor(3), **wrapped(w, 'module.')},
    'lightning': lambda w: {'state_dict': wrapped(w, 'model.'), 'global_step': 9},
    'model': lambda w: {'model': w, 'epoch': 3},
    'arguments': lambda w: {'model': w, 'args': argparse.Namespace(lr=1e-3, out=Path('a/b'))},
    'dates': lambda w: {'state_dict': w, 'meta': {'when': datetime(2026, 1, 2), 'at': Path('/a')}},
}


@pytest.mark.parametrize('layout', OTHERS)
def test_files_of_other_trainers_are_read(layout, encoder, tmp_path):
    torch.save(OTHERS[layout](wrapped(encoder.state_dict(), 'backbone.')), tmp_path / 'a.pth')
    read = get_state_dict(read_checkpoint(tmp_path / 'a.pth'))
    assert_same(read, wrapped(encoder.state_dict(), 'backbone.'))


def test_a_path_in_a_file_is_only_data(encoder, tmp_path):
    meta = dict(path=Path('/a/b'), args=argparse.Namespace(x=1))
    torch.save(dict(state_dict=encoder.state_dict(), meta=meta), tmp_path / 'a.pth')
    read = read_checkpoint(tmp_path / 'a.pth')['meta']
    assert isinstance(read['path'], PurePath) and not isinstance(read['path'], Path)
    assert (str(read['path']), read['args'].x) == ('/a/b', 1)
