"""SafeCheckpointHook and the files it writes."""

import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.fileio import get_file_backend

from mmsapiens.checkpoints.sharded import write_sharded
from mmsapiens.core import atomic_files as whole_files
from mmsapiens.core.atomic_files import atomic_write
from mmsapiens.core.folder_lock import lock_folder
from mmsapiens.engine.hooks import SafeCheckpointHook


@pytest.fixture
def runner(tmp_path):
    return SimpleNamespace(work_dir=str(tmp_path), _resume=True, _load_from=None)


def save(folder, step, mtime, keep=None):
    path = folder / f'iter_{step}.pth'
    torch.save(dict(step=torch.full((100,), step)), path)
    path.write_bytes(path.read_bytes()[:keep])
    os.utime(path, (mtime, mtime))
    return path


def hook(**kwargs):
    return SafeCheckpointHook(by_epoch=False, interval=5, **kwargs)


def test_the_newest_whole_one_is_resumed(runner, tmp_path):
    save(tmp_path, 90, mtime=10)  # of an earlier run
    good = save(tmp_path, 20, mtime=20)
    save(tmp_path, 25, mtime=30, keep=500)
    (tmp_path / 'last_checkpoint').write_text('')  # killed while writing
    (tmp_path / '.iter_25.pth.abc.partial').touch()
    hook().before_run(runner)
    assert (tmp_path / 'last_checkpoint').read_text() == str(good)
    assert not list(tmp_path.glob('.*.partial'))


def test_nothing_to_resume(runner, tmp_path):
    (tmp_path / 'last_checkpoint').write_text('iter_5.pth')
    hook().before_run(runner)
    assert not (tmp_path / 'last_checkpoint').exists()


def test_only_damaged_checkpoints(runner, tmp_path):
    save(tmp_path, 5, mtime=1, keep=100)
    with pytest.raises(RuntimeError, match='no checkpoint in .* is whole'):
        hook().before_run(runner)


def test_a_chosen_checkpoint_is_kept(runner, tmp_path):
    save(tmp_path, 5, mtime=1)
    runner._load_from = 'another.pth'
    hook().before_run(runner)
    assert not (tmp_path / 'last_checkpoint').exists()


def test_folders_of_checkpoints_are_left_alone(runner, tmp_path):
    (tmp_path / 'iter_5.pth').mkdir()
    pointer = tmp_path / 'last_checkpoint'
    pointer.write_text(str(tmp_path / 'iter_5.pth'))
    hook().before_run(runner)
    assert pointer.read_text() == str(tmp_path / 'iter_5.pth')


def save_shards(folder, step, mtime):
    path = folder / f'iter_{step}.pth'
    tensors = {'state_dict.a': torch.full((100,), step)}
    write_sharded(path, tensors, dict(meta={}))
    os.utime(path, (mtime, mtime))
    return path


def test_folders_of_shards_are_resumed_when_whole(runner, tmp_path):
    good = save_shards(tmp_path, 5, mtime=10)
    damaged = save_shards(tmp_path, 10, mtime=20)
    next(damaged.glob('*.distcp')).unlink()
    (tmp_path / '.iter_15.pth.partial').mkdir()
    pointer = tmp_path / 'last_checkpoint'
    pointer.write_text(str(damaged))
    hook().before_run(runner)
    assert pointer.read_text() == str(good)
    assert not list(tmp_path.glob('.*.partial'))


def test_removal_that_is_killed_leaves_no_half(tmp_path, monkeypatch):
    path = save_shards(tmp_path, 5, mtime=1)

    def fail(path):
        raise OSError('killed')

    monkeypatch.setattr(whole_files.shutil, 'rmtree', fail)
    backend = get_file_backend(backend_args=dict(backend='atomic'))
    with pytest.raises(OSError, match='killed'):
        backend.rmtree(str(path))
    assert os.listdir(tmp_path) == ['.iter_5.pth.removed.partial']


def test_another_run_in_the_same_folder_is_refused(runner):
    hook_of_one = hook()
    hook_of_one.before_run(runner)
    hook_of_one.before_load(runner)  # holds it
    with pytest.raises(RuntimeError, match='another run .* is using'):
        lock_folder(runner.work_dir)
    hook_of_one.after_run(runner)
    other = lock_folder(runner.work_dir)
    with pytest.raises(RuntimeError, match='another run .* is using'):
        hook().before_run(runner)
    other.release()


@pytest.mark.parametrize('resume', [True, False])
def test_schedules_of_the_checkpoint_are_told(runner, resume, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmsapiens.engine.hooks.checkpoint_hooks.print_log',
        lambda message, **kwargs: messages.append(message),
    )
    runner._resume = resume
    runner.param_schedulers = [SimpleNamespace(state_dict=lambda: dict(end=20, last_step=3))]
    checkpoint = dict(param_schedulers=[dict(end=10, last_step=9)])
    hook().after_load_checkpoint(runner, checkpoint)
    assert len(messages) == resume
    for message in messages:
        assert '`end` of SimpleNamespace is 10 instead of 20' in message


def test_one_checkpoint_is_too_few():
    with pytest.raises(ValueError, match='at least 2'):
        hook(max_keep_ckpts=1)


def test_interval_must_fit_accumulation(runner):
    runner.optim_wrapper = SimpleNamespace(_accumulative_counts=4)
    with pytest.raises(ValueError, match='a multiple of'):
        hook().before_train(runner)


def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch):
    backend = get_file_backend(backend_args=dict(backend='atomic'))
    path = tmp_path / 'a' / 'file'
    backend.put(b'old', str(path))
    backend.put_text('älter', str(path))
    assert path.read_text(encoding='utf-8') == 'älter'

    def fail(number):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='disk full'):
        atomic_write(b'new', path)
    assert os.listdir(path.parent) == ['file']
    assert path.read_text(encoding='utf-8') == 'älter'
