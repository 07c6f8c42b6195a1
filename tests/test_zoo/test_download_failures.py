"""The failures of `docs/model_zoo.md`, word for word, from a real server.

After each of them no file has the final name, and none is used.
"""

import re

import pytest
from hub_server import Answer, serve
from parity import ROOT

from mmsapiens.zoo import DownloadError, cache_dir

ROW = re.compile(r'\| ([a-z0-9-]+) \| (.+?) \| (`+) ?(.+?) ?\3 \| (.+?) \|')
POINTER = (
    b'version https://git-lfs.github.com/spec/v1\n'
    b'oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2'
    b'393\nsize 1345\n'
)
PAGE = b'<!DOCTYPE html>\n<html><title>Log in</title></html>'


def rows():
    text = (ROOT / 'docs/model_zoo.md').read_text(encoding='utf-8')
    text = text.partition('## When it fails')[2]
    matches = map(ROW.fullmatch, text.splitlines())
    return {match[1]: match[4] for match in matches if match}


CASES = {}


def case(function):
    CASES[function.__name__.replace('_', '-')] = function
    return function


@case
def gated(hub, client, monkeypatch):
    hub.head = [Answer(401, headers={'X-Error-Code': 'GatedRepo'}, body=b'')]


@case
def not_found(hub, client, monkeypatch):
    headers = {'X-Error-Code': 'EntryNotFound'}
    hub.head = [Answer(404, headers=headers, body=b'')]


@case
def server_error(hub, client, monkeypatch):
    hub.head = [Answer(500, body='Ungültig'.encode('latin-1'))]


@case
def unreachable(hub, client, monkeypatch):
    with serve(b'') as (_, address):
        pass  # a port that nobody listens on any more
    monkeypatch.setenv('HF_ENDPOINT', address)


@case
def bad_endpoint(hub, client, monkeypatch):
    monkeypatch.setenv('HF_ENDPOINT', 'mirror.example')


@case
def no_hub(hub, client, monkeypatch):
    hub.head = [Answer(headers={'X-Repo-Commit': None})]


@case
def lfs_pointer(hub, client, monkeypatch):
    hub.content = POINTER


@case
def web_page(hub, client, monkeypatch):
    hub.content = PAGE


@case
def too_short(hub, client, monkeypatch):
    hub.get = [Answer(body=hub.content[:-7])]


@case
def wrong_bytes(hub, client, monkeypatch):
    hub.hashed = True
    hub.get = [Answer(body=hub.content[::-1])]


@case
def not_the_first(hub, client, monkeypatch):
    client.fetch()
    client.path.unlink()
    hub.content = hub.content[::-1]


@case
def too_large(hub, client, monkeypatch):
    headers = {'X-Linked-Size': str(10**18)}
    hub.head = [Answer(headers=headers)]


@case
def disk_full(hub, client, monkeypatch):
    client.path.parent.mkdir(parents=True)
    name = f'.{client.path.name}.{hub.etag[:16]}.partial'
    client.path.with_name(name).symlink_to('/dev/full')


@case
def no_folder(hub, client, monkeypatch):
    cache_dir().parent.mkdir(exist_ok=True)
    cache_dir().write_text('a file where the folder should be')


@case
def offline(hub, client, monkeypatch):
    monkeypatch.setenv('MMSAPIENS_OFFLINE', '1')


@case
def offline_and_damaged(hub, client, monkeypatch):
    client.fetch()
    client.path.write_bytes(POINTER)
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')


@case
def damaged_records(hub, client, monkeypatch):
    cache_dir().mkdir()
    (cache_dir() / 'records.json').write_text('{"releases": ')


def test_every_row_has_a_case_and_every_case_a_row():
    assert set(rows()) == set(CASES)


@pytest.mark.parametrize('name', CASES)
def test_message_is_the_one_of_the_page(name, hub, client, monkeypatch):
    CASES[name](hub, client, monkeypatch)
    before = client.path.read_bytes() if client.path.exists() else None
    with pytest.raises(DownloadError) as caught:
        client.fetch()
    message = ' '.join(str(caught.value).split())
    words = map(re.escape, rows().get(name, '').split('…'))
    assert re.fullmatch('.*'.join(words), message), message
    if before is None:
        assert not client.path.exists()
    else:
        assert client.path.read_bytes() == before


@pytest.mark.parametrize('name', ['server-error', 'lfs-pointer', 'wrong-bytes'])
def test_the_next_attempt_succeeds(name, hub, client, monkeypatch, content):
    CASES[name](hub, client, monkeypatch)
    with pytest.raises(DownloadError):
        client.fetch()
    hub.head, hub.get, hub.content = [], [], content
    assert client.fetch().read_bytes() == content
