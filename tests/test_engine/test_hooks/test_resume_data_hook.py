"""ResumeDataHook; whole trainings are in test_train_loops.py."""

from types import SimpleNamespace

import pytest

from mmsapiens.engine.hooks import ResumeDataHook


class Sampler:
    """Records what it is told."""

    epoch = 0
    state = None

    def load_state_dict(self, state):
        self.state = state


@pytest.fixture
def sampler():
    return Sampler()


@pytest.fixture
def runner(sampler):
    batch_sampler = SimpleNamespace(
        sampler=sampler, state_after=lambda steps: (sampler.epoch, steps)
    )
    loader = SimpleNamespace(batch_sampler=batch_sampler)
    loop = SimpleNamespace(dataloader=loader)
    return SimpleNamespace(train_loop=loop, _resume=True)


def test_steps_of_the_epoch_are_counted(runner, sampler):
    hook, checkpoint = ResumeDataHook(), {}
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['data_state'] == (0, 0)
    for _ in range(3):
        hook.after_train_iter(runner, 0)
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['data_state'] == (0, 3)
    sampler.epoch = 1
    hook.after_train_iter(runner, 0)
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['data_state'] == (1, 1)


def test_state_is_loaded_once(runner, sampler):
    hook = ResumeDataHook()
    hook.after_load_checkpoint(runner, dict(data_state='here'))
    assert sampler.state is None
    hook.before_train_epoch(runner)
    assert sampler.state == 'here'
    sampler.state = None
    hook.before_train_epoch(runner)
    assert sampler.state is None


def test_weights_to_start_from_need_no_state(runner, sampler):
    hook = ResumeDataHook()
    runner._resume = False
    hook.after_load_checkpoint(runner, {})
    hook.before_train_epoch(runner)
    assert sampler.state is None


def test_checkpoint_without_state(runner):
    with pytest.raises(KeyError, match='saved without ResumeDataHook'):
        ResumeDataHook().after_load_checkpoint(runner, {})


def test_stock_sampler_is_refused(runner):
    del runner.train_loop.dataloader.batch_sampler.state_after
    with pytest.raises(TypeError, match='ResumableBatchSampler'):
        ResumeDataHook().before_train(runner)
