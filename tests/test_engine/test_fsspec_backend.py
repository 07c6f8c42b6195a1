import pytest
from mmengine.fileio import get, get_text
from range_server import serve

from mmsapiens.engine import fsspec_backend
from mmsapiens.engine.fsspec_backend import FsspecBackend

ARGS = dict(backend='fsspec')


@pytest.fixture
def server(tmp_path):
    (tmp_path / 'digits.txt').write_bytes(b'0123456789')
    with serve(tmp_path) as server:
        yield server


@pytest.fixture
def path(server):
    return f'{server.address}/digits.txt'


@pytest.fixture
def waits(monkeypatch):
    waits = []
    monkeypatch.setattr(fsspec_backend.time, 'sleep', waits.append)
    return waits


def test_whole_files_through_mmengine(path):
    assert get(path, backend_args=ARGS) == b'0123456789'
    assert get_text(path, backend_args=ARGS) == '0123456789'


@pytest.mark.parametrize(
    'offset, size, expected', [(2, 3, b'234'), (8, 5, b'89'), (10, 2, b''), (50, 2, b'')]
)
def test_parts(server, path, waits, offset, size, expected):
    assert FsspecBackend().get_range(path, offset, size) == expected
    assert server.num_bytes == len(expected)
    assert not waits


def test_other_stores_have_the_same_parts(tmp_path):
    (tmp_path / 'digits.txt').write_bytes(b'0123456789')
    path = f'file://{tmp_path}/digits.txt'
    assert FsspecBackend().get_range(path, 2, 3) == b'234'
    assert FsspecBackend().get_range(path, 20, 3) == b''


def test_failed_requests_are_repeated(server, path, waits):
    server.num_failures = 3
    assert FsspecBackend().get(path) == b'0123456789'
    assert waits == list(fsspec_backend.WAITS_S)
    server.num_failures = 4
    with pytest.raises(Exception, match='503'):
        FsspecBackend().get(path)


def test_missing_files_are_asked_for_once(server, path, waits):
    with pytest.raises(FileNotFoundError):
        FsspecBackend().get(f'{path}.gz')
    assert len(server.requests) == 1
    assert not waits


def test_server_without_parts_is_told(server, path):
    server.with_parts = False
    with pytest.raises(ValueError, match='10 bytes came instead of 3.*cache'):
        FsspecBackend().get_range(path, 2, 3)
