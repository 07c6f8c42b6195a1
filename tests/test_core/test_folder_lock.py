import subprocess
import sys

import pytest

from mmsapiens.core.folder_lock import FolderInUseError, FolderLock

HOLD = """
import sys
from mmsapiens.core.folder_lock import FolderLock
lock = FolderLock(sys.argv[1])
print('held', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder."""
    child = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path / 'run')],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == 'held\n'
    yield child
    child.kill()
    child.communicate()


def test_a_folder_is_for_one_process_even_if_that_is_killed(other, tmp_path):
    with pytest.raises(FolderInUseError, match=f'process {other.pid} on .*--work'):
        FolderLock(tmp_path / 'run')
    other.kill()
    other.wait()
    FolderLock(tmp_path / 'run').release()


def test_released_folders_are_free(tmp_path):
    lock = FolderLock(tmp_path)
    lock.release()
    lock.release()
    FolderLock(tmp_path).release()


def test_disks_without_locks_get_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError('no locks')

    monkeypatch.setattr('fcntl.lockf', refuse)
    assert FolderLock(tmp_path).number is None
