"""A hub, an empty cache, and impatient downloads."""

import random

import pytest
from hub_server import serve
from huggingface_hub import constants

from mmsapiens.zoo import cache_path, download, downloading, find_release

VARIABLES = (
    'MMSAPIENS_OFFLINE',
    'HF_HUB_OFFLINE',
    'SAPIENS_CHECKPOINT_ROOT',
    'SAPIENS_LITE_CHECKPOINT_ROOT',
    'HTTP_PROXY',
    'http_proxy',
    'ALL_PROXY',
    'all_proxy',
)


@pytest.fixture
def content():
    """What a checkpoint might be: 200 kB that start as a zip archive."""
    return b'PK\x03\x04' + random.Random(0).randbytes(200_000)


@pytest.fixture
def hub(content, tmp_path, monkeypatch):
    """A hub that downloads go to; its state."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path / 'home'))
    with serve(content) as (state, address):
        monkeypatch.setenv('HF_ENDPOINT', address)
        yield state


class Client:
    """Downloads one release and collects what is said."""

    def __init__(self):
        self.release = find_release('pose-308', '0.3b')
        self.path = cache_path(self.release)
        self.said = []

    @property
    def partials(self):
        return sorted(self.path.parent.glob('.*.partial'))

    def fetch(self, **more):
        return download(self.release, notify=self.said.append, **dict(tries=3, **more))

    def text(self):
        return '\n'.join(self.said)


@pytest.fixture
def client(hub, monkeypatch):
    """A client of the hub that waits little."""
    monkeypatch.setattr(downloading, 'FIRST_WAIT_S', 0.01)
    monkeypatch.setattr(constants, 'DOWNLOAD_CHUNK_SIZE', 1 << 14)
    return Client()
