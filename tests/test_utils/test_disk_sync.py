import errno
import os
import threading

import pytest

from mmsapiens.utils import disk_sync
from mmsapiens.utils.disk_sync import SyncQueue, sync_to_disk


class SlowDisk:
    """Stands for the disk: the first call waits until it is let go."""

    def __init__(self, monkeypatch, fails=()):
        self.started, self.go = threading.Event(), threading.Event()
        self.alone, self.together, self.fails = [], [], set(fails)
        monkeypatch.setattr(disk_sync.os, 'fsync', self.fsync)
        monkeypatch.setattr(disk_sync, '_syncfs', lambda: self.syncfs)

    def fsync(self, number):
        self.alone.append(number)
        if number in self.fails:
            raise OSError(errno.EIO, 'the disk is broken')
        self.started.set()
        assert self.go.wait(10)

    def syncfs(self, number):
        self.together.append(number)
        return -1 if self.fails else 0


def _sync_many(queue, numbers, waiting):
    """Sync each number in a thread; the error of each, in their order."""
    errors = dict.fromkeys(numbers)

    def work(number):
        try:
            queue.sync(number)
        except OSError as error:
            errors[number] = error

    threads = [threading.Thread(target=work, args=[n]) for n in numbers]
    threads[0].start()
    yield
    for thread in threads[1:]:
        thread.start()
    while len(queue._waiting) < len(numbers) - 1:
        threading.Event().wait(0.001)
    waiting()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    yield [errors[number] for number in numbers]


def test_files_that_gather_are_brought_in_one_call(monkeypatch):
    disk, queue = SlowDisk(monkeypatch), SyncQueue()
    steps = _sync_many(queue, list(range(100, 120)), disk.go.set)
    next(steps)
    assert disk.started.wait(10)
    assert next(steps) == [None] * 20
    assert disk.alone == [100]
    assert len(disk.together) == 1


def test_when_the_call_fails_each_file_is_told_its_own_error(monkeypatch):
    disk, queue = SlowDisk(monkeypatch, fails={102}), SyncQueue()
    steps = _sync_many(queue, [100, 101, 102, 103], disk.go.set)
    next(steps)
    assert disk.started.wait(10)
    errors = next(steps)
    assert [error is None for error in errors] == [True, True, False, True]
    assert errors[2].errno == errno.EIO
    assert sorted(disk.alone) == [100, 101, 102, 103]


def test_each_file_is_asked_for_where_there_is_no_such_call(monkeypatch):
    disk, queue = SlowDisk(monkeypatch), SyncQueue()
    monkeypatch.setattr(disk_sync, '_syncfs', lambda: None)
    steps = _sync_many(queue, [100, 101, 102], disk.go.set)
    next(steps)
    assert disk.started.wait(10)
    assert next(steps) == [None] * 3
    assert sorted(disk.alone) == [100, 101, 102]


def test_an_interrupt_leaves_the_others_to_the_next_thread(monkeypatch):
    disk, queue = SlowDisk(monkeypatch), SyncQueue()

    def interrupt(number):
        disk.together.append(number)
        if len(disk.together) == 1:
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(disk_sync, '_syncfs', lambda: interrupt)
    monkeypatch.setattr(threading, 'excepthook', lambda args: None)
    steps = _sync_many(queue, [100, 101, 102, 103], disk.go.set)
    next(steps)
    assert disk.started.wait(10)
    assert next(steps) == [None] * 4
    assert len(disk.together) == 2


def test_real_files_and_folders(tmp_path):
    path = tmp_path / 'a'
    path.write_bytes(b'1')
    sync_to_disk(path)
    sync_to_disk(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_to_disk(tmp_path / 'missing')


def test_the_call_of_linux_says_whether_it_worked(tmp_path):
    call = disk_sync._syncfs()
    if call is None:
        pytest.skip('there is no syncfs on this system')
    number = os.open(tmp_path, os.O_RDONLY)
    try:
        assert call(number) == 0
    finally:
        os.close(number)
    assert call(number) == -1
