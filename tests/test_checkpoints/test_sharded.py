"""Folders of checkpoints in shards; here one process writes them."""

import os
import pickle

import pytest
import torch
from checkpoints import make_state_dict

from mmsapiens.checkpoints import convert_checkpoint, detect_format, read_checkpoint, sharded


@pytest.fixture
def weights(tiny_arch):
    return make_state_dict('mae', tiny_arch)


@pytest.fixture
def folder(tmp_path, weights):
    """A checkpoint with weights and a moment of an optimizer."""
    tensors = {sharded.WEIGHTS + key: value for key, value in weights.items()}
    tensors['optimizer.a.exp_avg'] = torch.ones(5)
    rest = dict(meta=dict(epoch=3), optimizer=dict(param_groups=[]))
    sharded.write_sharded(tmp_path / 'epoch_3.pth', tensors, rest)
    return tmp_path / 'epoch_3.pth'


def test_weights_come_back_without_the_optimizer(folder, weights):
    assert detect_format(folder) == 'sharded'
    checkpoint = read_checkpoint(folder)
    assert set(checkpoint) == {'meta', 'state_dict'}
    assert checkpoint['meta'] == dict(epoch=3)
    assert checkpoint['state_dict'].keys() == weights.keys()
    for key, value in weights.items():
        assert torch.equal(checkpoint['state_dict'][key], value), key


def test_converted_to_one_file(folder, weights, tmp_path):
    info, path = convert_checkpoint(
        folder, tmp_path / 'e.safetensors', encoder_only=True, with_hash=False
    )
    assert info.layout == 'mae'
    converted = read_checkpoint(path)
    assert converted['meta']['source'] == 'epoch_3.pth'
    name = 'layers.0.attn.qkv.weight'
    assert torch.equal(converted['state_dict'][name], weights[f'backbone.{name}'])
    assert not any(key.startswith('neck') for key in converted['state_dict'])


def test_optimizer_is_loaded_in_place(folder):
    moment = torch.zeros(5)
    sharded.load_tensors(folder, {'optimizer.a.exp_avg': moment})
    assert moment.tolist() == [1] * 5


@pytest.mark.parametrize('name, size, found', [('a.exp_avg', 4, r'\(5,\)'), ('b', 5, 'none')])
def test_other_shapes_are_refused(folder, name, size, found):
    with pytest.raises(ValueError, match=rf'`optimizer.{name}`.*{found}'):
        sharded.load_tensors(folder, {f'optimizer.{name}': torch.zeros(size)}, alone=True)


def cut_short(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize('damage', [cut_short, os.unlink])
@pytest.mark.parametrize('pattern', ['*.distcp', 'training.pth', '.metadata'])
def test_damage_is_noticed(folder, pattern, damage):
    assert sharded.is_whole_folder(folder)
    damage(next(folder.glob(pattern)))
    assert not sharded.is_whole_folder(folder)
    with pytest.raises(ValueError, match='damaged|is a directory'):
        read_checkpoint(folder)


class Attack:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'attack',
    [
        Attack(os.system, 'true'),
        Attack(eval, '1'),
        Attack(torch.load, 'x'),
        Attack(torch.distributed.checkpoint.FileSystemReader, 'x'),
    ],
)
def test_code_in_the_index_is_not_run(folder, attack):
    (folder / '.metadata').write_bytes(pickle.dumps(attack))
    with pytest.raises(ValueError, match=r'cannot be read.*which no index'):
        sharded.read_index(folder)


def test_index_of_another_kind_is_refused(folder):
    (folder / '.metadata').write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match='must hold the index.*a dict'):
        sharded.read_index(folder)


def test_other_folders_are_no_checkpoints(tmp_path):
    with pytest.raises(ValueError, match='is a directory'):
        detect_format(tmp_path)
