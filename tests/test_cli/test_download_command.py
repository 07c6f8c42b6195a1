"""``mmsapiens download``, from a real server."""

import json

import pytest
from hub_server import Answer, serve

from mmsapiens.cli.main import run
from mmsapiens.zoo import cache_path, find_release

CONTENT = b'PK\x03\x04' + bytes(range(256)) * 100


@pytest.fixture
def hub(tmp_path, monkeypatch):
    for name in ('MMSAPIENS_OFFLINE', 'HF_HUB_OFFLINE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path))
    with serve(CONTENT) as (state, address):
        monkeypatch.setenv('HF_ENDPOINT', address)
        yield state


def test_prints_the_path_and_nothing_else(hub, capsys):
    assert run(['download', 'depth', '1b']) == 0
    captured = capsys.readouterr()
    path = cache_path(find_release('depth', '1b'))
    assert captured.out == f'{path}\n'
    assert 'Attribution-NonCommercial' in captured.err
    assert path.read_bytes() == CONTENT


def test_a_file_of_the_second_generation(hub, capsys):
    assert run(['download', 'pointmap', 'sapiens2-0.4b']) == 0
    captured = capsys.readouterr()
    assert captured.out == f'{cache_path(find_release("pointmap", "sapiens2-0.4b"))}\n'
    assert captured.err.count('Sapiens2 License') == 1
    assert 'no hash of it is published; recorded the SHA-256' in captured.err
    assert '/facebook/sapiens2-pointmap-0.4b/' in ''.join(map(str, hub.requests))
    assert run(['download', 'pointmap', '0.4b']) == 2
    assert "of ['sapiens2-0.4b', " in capsys.readouterr().err


def test_json_goes_alone_to_stdout(hub, capsys):
    assert run(['download', 'depth', '1b', '--json', '--verify']) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row['path'].endswith('epoch_88.pth')


def test_all_sizes(hub, capsys):
    assert run(['download', 'pose-308', 'all']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7
    assert run(['download', 'all', 'sapiens2-1b', '--format', 'safetensors']) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert run(['download', 'all', '7b']) == 2
    assert 'no release for' in capsys.readouterr().err


def test_a_failure_has_its_exit_code(hub, capsys):
    hub.head = [Answer(403, body=b'')]
    assert run(['download', 'depth', '1b', '--tries', '1', '--json']) == 3
    captured = capsys.readouterr()
    assert 'error: ' in captured.err
    assert 'HTTP 403' in json.loads(captured.out)[0]['error']


def test_one_failure_of_many_is_a_failure(hub, capsys):
    hub.get = [Answer(404, body=b''), Answer()]
    assert run(['download', 'pose-308', 'all']) == 3
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 6


def test_what_was_not_released_is_a_usage_error(hub, capsys):
    assert run(['download', 'pose-308', '2b']) == 2
    assert 'never released' in capsys.readouterr().err
    assert run(['download', 'pose-308', '1b', '--format', 'onnx']) == 2
    assert hub.requests == []


def test_the_first_use_is_compared_with_later_ones(hub, capsys):
    assert run(['download', 'depth', '1b']) == 0
    cache_path(find_release('depth', '1b')).unlink()
    hub.content = CONTENT[::-1]
    assert run(['download', 'depth', '1b']) == 3
    assert '--accept-new' in capsys.readouterr().err
    assert run(['download', 'depth', '1b', '--accept-new']) == 0
