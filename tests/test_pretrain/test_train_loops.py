"""Training that is interrupted and goes on."""

import kill_training
import pytest
from image_shards import write_shards
from mmengine.hooks import Hook
from tiny_training import TinyTraining


class Interrupted(Exception):
    """Not an error."""


class InterruptHook(Hook):
    """Stops without any preparation after a step."""

    def __init__(self, step):
        self.step = step

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.step:
            raise Interrupted


@pytest.fixture(scope='module')
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    return write_shards(folder, 53, 9, size_hw=(64, 64))


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)


def runner(shards, work_dir, loop):
    work_dir.mkdir(exist_ok=True)
    # An epoch has 14 steps of 4 images.
    return TinyTraining(shards, work_dir, 28, 5, loop).runner()


@pytest.mark.slow
@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_resume_in_the_middle_of_an_epoch(shards, tmp_path, loop):
    straight, stopped = tmp_path / 'straight', tmp_path / 'stopped'
    runner(shards, straight, loop).train()
    for step in (8, 17):
        interrupted = runner(shards, stopped, loop)
        interrupted.register_hook(InterruptHook(step))
        with pytest.raises(Interrupted):
            interrupted.train()
    runner(shards, stopped, loop).train()
    expected, _ = kill_training.read_records(straight)
    records, repeated = kill_training.read_records(stopped)
    assert records == expected
    assert repeated == 5  # steps 6 to 8, 16 and 17
    samples = [i for record in records.values() for i in record['samples']]
    assert len(records) == {'epoch': 56, 'iter': 28}[loop]
    assert sorted(samples[:53]) == list(range(53))


@pytest.mark.slow
def test_kills_change_nothing(tmp_path):
    figures = kill_training.kill_test(tmp_path, 2, 42, 0, kinds=['training', 'saving'])
    assert figures['kills'] == dict(training=1, saving=1)
    first, second = figures['after_steps']
    assert 1 <= first < second <= 42  # the last checkpoint may be the one that is cut off
