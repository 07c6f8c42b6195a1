import errno
import subprocess
import sys

import pytest

from mmsapiens.core.folder_lock import FolderInUseError, lock_folder

HOLD = """
import sys
from mmsapiens.core.folder_lock import lock_folder
lock = lock_folder(sys.argv[1])
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
        lock_folder(tmp_path / 'run')
    other.kill()
    other.wait()
    lock_folder(tmp_path / 'run').release()


def test_released_folders_are_free(tmp_path):
    lock = lock_folder(tmp_path)
    lock.release()
    lock.release()
    lock_folder(tmp_path).release()


def test_whoever_asks_is_told_who_holds_the_folder(other, tmp_path):
    for _ in range(3):
        with pytest.raises(FolderInUseError, match=f'process {other.pid} on '):
            lock_folder(tmp_path / 'run')


def test_workers_that_outlive_a_killed_process_hold_no_folder(tmp_path):
    with_worker = HOLD.replace(
        'print', 'import os, time\nos.fork() or time.sleep(3) or os._exit(0)\nprint'
    )
    child = subprocess.Popen(
        [sys.executable, '-c', with_worker, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == 'held\n'
    child.kill()
    child.wait()
    lock_folder(tmp_path).release()


def test_one_process_may_hold_a_folder_twice_by_two_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = lock_folder('run', is_singleton=True)
    second = lock_folder(tmp_path / 'run', is_singleton=True)
    second.release()
    first.release()


@pytest.mark.parametrize('error', [NotImplementedError(), OSError(errno.ENOLCK, 'no locks')])
def test_a_file_system_without_locks_stops_no_run(error, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr('filelock.FileLock.acquire', fail)
    with pytest.warns(UserWarning, match='has no locks'):
        lock_folder(tmp_path).release()
