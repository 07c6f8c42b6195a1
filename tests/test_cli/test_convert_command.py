"""``mmsapiens convert``."""

import json

import pytest
from checkpoints import make_state_dict

from mmsapiens.checkpoints import read_checkpoint, write_checkpoint
from mmsapiens.cli.main import run


@pytest.fixture
def source(tmp_path, tiny_arch):
    state = make_state_dict('mae', tiny_arch)
    return write_checkpoint(state, tmp_path / 'mae.pth')


def test_converts_and_says_so(source, tmp_path, capsys):
    target = tmp_path / 'encoder.safetensors'
    words = [str(source), str(target), '--encoder-only', '--no-hash']
    assert run(['convert', *words]) == 0
    output = capsys.readouterr().out
    assert 'with its MAE decoder' in output
    assert str(target) in output
    assert 'cls_token' in read_checkpoint(target)['state_dict']


def test_json_names_the_file_written(source, tmp_path, capsys):
    target = str(tmp_path / 'half.pth')
    words = [str(source), target, '--dtype', 'bfloat16', '--json']
    assert run(['convert', *words]) == 0
    document = json.loads(capsys.readouterr().out)
    weights = read_checkpoint(document['path'])['state_dict']
    assert str(weights['backbone.cls_token'].dtype) == 'torch.bfloat16'
    assert document['bytes'] > 0


def test_missing_source_is_a_usage_error(tmp_path, capsys):
    words = [str(tmp_path / 'no.pth'), str(tmp_path / 'a.pth')]
    assert run(['convert', *words]) == 2
    assert 'no.pth' in capsys.readouterr().err


def test_unknown_suffix_is_a_usage_error(source, tmp_path, capsys):
    assert run(['convert', str(source), str(tmp_path / 'a.zip')]) == 2
    assert '.safetensors' in capsys.readouterr().err
    assert not list(tmp_path.glob('a*'))
