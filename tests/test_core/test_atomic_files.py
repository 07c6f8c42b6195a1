import os
import stat

import pytest

from mmsapiens.core import atomic_files as whole_files
from mmsapiens.core.atomic_files import atomic_open, atomic_write, remove_unfinished


@pytest.fixture
def calls(monkeypatch):
    """What is brought to the disk, and when the file gets its name."""
    seen = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(number):
        is_folder = stat.S_ISDIR(os.fstat(number).st_mode)
        seen.append('folder' if is_folder else 'content')
        fsync(number)

    def record_replace(*args):
        seen.append('name')
        replace(*args)

    monkeypatch.setattr(whole_files.os, 'fsync', record_fsync)
    monkeypatch.setattr(whole_files.os, 'replace', record_replace)
    return seen


@pytest.mark.parametrize('is_durable', [True, False])
def test_content_is_on_the_disk_before_the_name(is_durable, calls, tmp_path):
    atomic_write(b'new', tmp_path / 'a' / 'b.json', is_durable=is_durable)
    assert calls == (['content', 'name', 'folder'] if is_durable else ['name'])
    assert (tmp_path / 'a' / 'b.json').read_bytes() == b'new'
    assert os.listdir(tmp_path / 'a') == ['b.json']


def test_an_error_keeps_the_former_file(tmp_path):
    path = tmp_path / 'a.json'
    atomic_write(b'old', path)
    with pytest.raises(RuntimeError), atomic_open(path) as partial:
        partial.write_bytes(b'half')
        raise RuntimeError
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.json']


def test_a_disk_that_fails_leaves_no_name(monkeypatch, tmp_path):
    def fail(number):
        raise OSError('the disk is broken')

    monkeypatch.setattr(whole_files.os, 'fsync', fail)
    with pytest.raises(OSError, match='broken'):
        atomic_write(b'new', tmp_path / 'a.json')
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('name', ['', 'inner', 'inner/a.json'])
def test_what_killed_processes_left_is_removed(name, tmp_path):
    (tmp_path / 'inner').mkdir()
    left = tmp_path / 'inner/.a.json.x1_y2z3_.partial'
    others = [
        tmp_path / 'inner/a.json',
        tmp_path / 'inner/.a.json.partial',  # of a download
        tmp_path / 'a.partial',
    ]
    for path in (left, *others):
        path.write_text('a')
    remove_unfinished(tmp_path / name)
    assert not left.exists()
    assert all(path.exists() for path in others)


def test_brackets_in_a_name_are_no_pattern(tmp_path):
    left, other = tmp_path / '.a[1].json.x1_y2z3_.partial', tmp_path / '.a1.json.x1_y2z3_.partial'
    left.touch()
    other.touch()
    remove_unfinished(tmp_path / 'a[1].json')
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.parametrize('name', ['other', 'inner/b.json'])
def test_other_unfinished_files_stay(name, tmp_path):
    (tmp_path / 'inner').mkdir()
    path = tmp_path / 'inner/.a.json.x1_y2z3_.partial'
    path.write_text('a')
    remove_unfinished(tmp_path / name)
    assert path.exists()
