"""Downloads that work, from a real server: none of the code is replaced."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hub_server import COMMIT, Answer, serve

from mmsapiens.zoo import DownloadError, IntegrityError, cache_dir, resolve_checkpoint


def records():
    return json.loads((cache_dir() / 'records.json').read_text())


def test_fetches_once_and_verifies(hub, client, content):
    path = client.fetch()
    assert path == client.path
    assert path.read_bytes() == content
    assert [row[0] for row in hub.requests] == ['HEAD', 'GET']
    assert client.fetch() == path
    assert len(hub.requests) == 2
    assert [p.name for p in path.parent.iterdir() if '.partial' in p.name] == []


def test_asks_for_the_pinned_revision(hub, client):
    client.fetch()
    head, get = (row[1] for row in hub.requests)
    name = client.release.key.partition('sapiens/')[2]
    assert head == f'/facebook/sapiens/resolve/main/{name}'
    assert get == f'/facebook/sapiens/resolve/{COMMIT}/{name}'
    client.path.unlink()
    client.fetch()
    assert hub.requests[2][1] == get  # the commit of the first use


def test_first_use_records_the_hash_and_says_so(client):
    client.fetch()
    assert 'no hash of it is published; recorded the SHA-256' in client.text()
    (record,) = records()['releases'].values()
    assert record['origin'] == 'of the first use'
    assert record['commit'] == COMMIT
    assert record['sha256'] in client.text()


def test_a_hash_of_the_server_is_used(hub, client):
    hub.hashed = True
    client.fetch()
    (record,) = records()['releases'].values()
    assert record['origin'] == 'named by the hub'
    assert record['sha256'] == hub.etag
    assert 'no hash' not in client.text()


def test_license_is_shown_once(client):
    client.fetch()
    client.path.unlink()
    client.fetch()
    assert client.text().count('Attribution-NonCommercial') == 1


def interrupt(hub, client):
    """Fetch 60,000 bytes, or a little less, and fail."""
    hub.get = [Answer(cut_after=60_000), Answer(503, body=b'')]
    with pytest.raises(DownloadError, match='HTTP 503'):
        client.fetch()
    assert not client.path.exists()
    (partial,) = client.partials
    hub.get = []
    return partial


def test_a_cut_connection_is_continued(hub, client, content):
    hub.get = [Answer(cut_after=60_000), Answer()]
    assert client.fetch().read_bytes() == content
    first, second = hub.ranges()
    assert first is None
    assert second.startswith('bytes=')


def test_an_interrupted_download_is_continued(hub, client, content):
    have = interrupt(hub, client).stat().st_size
    assert 0 < have <= 60_000
    assert client.fetch().read_bytes() == content
    assert hub.ranges()[-1] == f'bytes={have}-'
    assert f'continuing after {have} bytes' in client.text()
    assert client.partials == []


SLOWLY = """
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 1 << 14
from mmsapiens.zoo import download
print(download('pose-308', '0.3b', show_bar=False))
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_process_is_continued(hub, client, content, number):
    hub.chunk_pause_s = 0.1
    process = subprocess.Popen([sys.executable, '-c', SLOWLY], stderr=subprocess.DEVNULL)
    while not any(path.stat().st_size for path in client.partials):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.wait()
    assert not client.path.exists()
    hub.chunk_pause_s = 0
    assert client.fetch().read_bytes() == content
    assert hub.ranges()[-1] is not None


def test_a_whole_partial_file_is_only_verified(hub, client, content):
    interrupt(hub, client).write_bytes(content)
    seen = len(hub.ranges())
    assert client.fetch().read_bytes() == content
    assert len(hub.ranges()) == seen


def test_a_part_of_another_version_is_dropped(hub, client, content):
    interrupt(hub, client)
    hub.content = content[::-1]
    assert client.fetch().read_bytes() == content[::-1]
    assert hub.ranges()[-1] is None
    assert client.partials == []


def test_a_server_without_ranges_starts_again(hub, client, content):
    interrupt(hub, client)
    hub.get = [Answer(ranges=False)]
    assert client.fetch().read_bytes() == content


def test_a_partial_file_that_is_too_long_is_dropped(hub, client, content):
    interrupt(hub, client).write_bytes(content + b'more')
    assert client.fetch().read_bytes() == content


@pytest.mark.parametrize('status', [408, 429, 500, 503])
def test_passing_trouble_is_tried_again(hub, client, content, status):
    hub.head = [Answer(status), Answer()]
    assert client.fetch().read_bytes() == content
    assert client.text().count('again in 0.01 s') == 1


def test_a_content_network_gets_no_token(hub, client, content, monkeypatch):
    monkeypatch.setenv('HF_TOKEN', 'hf_secret')
    with serve(content) as (other, address):
        moved = Answer(
            302,
            body=b'',
            headers={
                'Location': address.replace('127.0.0.1', 'localhost') + '/x',
                'X-Repo-Commit': hub.commit,
                'X-Linked-ETag': f'"{hub.etag}"',
                'X-Linked-Size': str(len(content)),
            },
        )
        hub.head = hub.get = [moved]
        assert client.fetch().read_bytes() == content
        assert other.tokens == [None]
    assert hub.tokens == ['Bearer hf_secret'] * 2


def test_processes_share_one_download(hub, client, content):
    hub.chunk_pause_s = 0.1
    processes = [
        subprocess.Popen([sys.executable, '-c', SLOWLY], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate()[0].strip() for process in processes]
    assert printed == [str(client.path)] * 2
    assert client.path.read_bytes() == content
    assert hub.ranges() == [None]


def test_offline_uses_what_is_there(hub, client, content, monkeypatch):
    client.fetch()
    seen = len(hub.requests)
    for name in ('MMSAPIENS_OFFLINE', 'HF_HUB_OFFLINE'):
        monkeypatch.setenv(name, '1')
        assert client.fetch().read_bytes() == content
        monkeypatch.delenv(name)
    assert len(hub.requests) == seen


def test_a_mirror_must_serve_the_same_file(hub, client, content):
    client.fetch()
    client.path.unlink()
    hub.content = content[:-1] + b'!'
    with pytest.raises(IntegrityError, match='instead of .* recorded on'):
        client.fetch()
    assert not client.path.exists()
    assert client.partials == []


def test_a_new_version_can_be_accepted(hub, client, content):
    client.fetch()
    hub.content = content[::-1]
    hub.commit = 'd' * 40
    assert client.fetch().read_bytes() == content
    assert client.fetch(accept_new=True).read_bytes() == content[::-1]
    (record,) = records()['releases'].values()
    assert record['commit'] == 'd' * 40


def test_a_file_that_changed_on_the_disk_is_fetched_again(hub, client, content):
    client.fetch()
    client.path.write_bytes(content[:-1] + b'!')
    assert client.fetch().read_bytes() == content
    assert 'fetching it again' in client.text()


def test_verify_reads_the_file_again(hub, client, content):
    client.fetch()
    client.fetch()
    status = client.path.stat()
    client.path.write_bytes(content[:-1] + b'!')
    os.utime(client.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert client.fetch().read_bytes() != content  # size and time are equal
    assert client.fetch(verify=True).read_bytes() == content


def test_roots_of_the_release_come_first(hub, client, content, tmp_path, monkeypatch):
    monkeypatch.setenv('SAPIENS_CHECKPOINT_ROOT', str(tmp_path / 'root'))
    own = tmp_path / 'root' / client.release.path_in_repo.partition('/')[2]
    assert client.fetch() == client.path  # nothing there: from the hub
    own.parent.mkdir(parents=True)
    own.write_bytes(content)
    assert client.fetch() == own
    own.write_bytes(content[::-1])
    with pytest.raises(IntegrityError, match='recorded on'):
        client.fetch()
    assert own.read_bytes() == content[::-1]  # files of others are left alone


def test_lite_root_is_the_folder_of_its_format(hub, content, tmp_path, monkeypatch):
    monkeypatch.setenv('SAPIENS_LITE_CHECKPOINT_ROOT', str(tmp_path))
    own = (
        tmp_path / 'pose/checkpoints/sapiens_0.3b'
        '/sapiens_0.3b_goliath_best_goliath_AP_573_torchscript.pt2'
    )
    own.parent.mkdir(parents=True)
    own.write_bytes(content)
    found = resolve_checkpoint(None, 'pose-308', '0.3b', 'torchscript')
    assert found == own
    assert hub.requests == []


def test_a_file_of_the_user_is_taken_as_it_is(hub, tmp_path):
    path = tmp_path / 'mine.pth'
    path.write_bytes(b'anything')
    assert resolve_checkpoint(path, 'pose-308', '0.3b') == path
    assert resolve_checkpoint(str(tmp_path), 'pose-308', '0.3b') == tmp_path
    assert hub.requests == []
