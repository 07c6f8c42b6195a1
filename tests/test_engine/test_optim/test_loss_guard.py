import math
import multiprocessing

import pytest
import torch
import torch.distributed as dist
from kill_training import free_port

from mmsapiens.engine import LossGuard


def test_outliers_are_rejected_and_counted():
    guard = LossGuard(factor=10)
    accepted = [guard.accepts(torch.tensor(x)) for x in (1.0, 11.0, 2.0)]
    assert accepted == [True, False, True]
    assert guard.num_rejected == 1


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_first_loss_must_be_finite(value):
    guard = LossGuard()
    assert guard.accepts(torch.tensor(value)) is False
    assert guard.accepts(torch.tensor(5.0)) is True


def test_one_tiny_loss_does_not_reject_all_that_follow():
    guard = LossGuard(factor=25, momentum=0.1)
    assert guard.accepts(torch.tensor(1.0))
    assert guard.accepts(torch.tensor(1e-4))
    assert guard.accepts(torch.tensor(1.0))


def test_state_survives_a_restart():
    guard, resumed = LossGuard(), LossGuard()
    guard.accepts(torch.tensor(2.0))
    guard.accepts(torch.tensor(1e6))
    resumed.load_state_dict(guard.state_dict())
    assert resumed.num_rejected == 1
    assert resumed.accepts(torch.tensor(60.0)) is False


@pytest.mark.parametrize(
    'settings', [dict(factor=1), dict(momentum=0), dict(momentum=1.1), dict(max_rejected=-1)]
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        LossGuard(**settings)


def test_run_stops_past_the_limit_restarts_included():
    guard = LossGuard(max_rejected=2)
    bad = torch.tensor(math.nan)
    assert not guard.accepts(bad)
    resumed = LossGuard(max_rejected=2)
    resumed.load_state_dict(guard.state_dict())
    assert not resumed.accepts_gradients([bad])
    with pytest.raises(RuntimeError, match='`max_rejected` .* allows 2'):
        resumed.accepts(bad)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_gradients_must_be_finite(value):
    guard = LossGuard()
    good, bad = torch.ones(3), torch.tensor([1.0, value])
    assert guard.accepts_gradients([good, good])
    assert guard.accepts_gradients([])
    assert not guard.accepts_gradients([good, bad])
    assert guard.num_rejected == 1


def test_large_gradients_are_finite():
    guard = LossGuard()
    huge = torch.full((3, 4), 1e30)  # its square is no float32
    assert guard.accepts_gradients([torch.ones(2), huge])
    assert not guard.accepts_gradients([huge, torch.tensor([math.inf])])
    assert guard.num_rejected == 1


def test_a_bad_process_rejects_for_all(monkeypatch):
    def another_has_a_bad_one(value, op):
        assert op == 'max'
        value.fill_(1 if value == 0 else math.inf)

    monkeypatch.setattr('mmsapiens.engine.optim.loss_guard.all_reduce', another_has_a_bad_one)
    guard = LossGuard()
    assert not guard.accepts_gradients([torch.ones(2)])
    assert not guard.accepts(torch.tensor(1.0))
    assert guard.num_rejected == 2


def _guard_losses(rank, port, results):
    """A process whose losses break at steps 1 and 4, or 3."""
    rendezvous = f'tcp://127.0.0.1:{port}'
    dist.init_process_group('gloo', init_method=rendezvous, rank=rank, world_size=2)
    guard = LossGuard(max_rejected=2)
    broken = ({1, 4}, {3})[rank]
    decisions, message = [], ''
    try:
        for step in range(6):
            loss = torch.tensor(math.nan if step in broken else 1.0 + rank)
            decisions.append(guard.accepts(loss))
    except RuntimeError as error:
        message = str(error)
    results.put((decisions, message, guard.state_dict()))
    dist.destroy_process_group()


def test_processes_skip_and_stop_together():
    context = multiprocessing.get_context('fork')
    results = context.Queue()
    port = free_port()
    processes = [
        context.Process(target=_guard_losses, args=(rank, port, results)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    first, second = (results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    assert first == second
    decisions, message, state = first
    assert decisions == [True, False, True, False]
    assert message.startswith('3 steps were rejected')
    assert state == dict(reference=2.0, num_rejected=3)
