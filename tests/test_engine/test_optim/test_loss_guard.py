import math

import pytest
import torch

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
    'settings',
    [
        dict(factor=1),
        dict(momentum=0),
        dict(momentum=1.1),
        dict(max_rejected=-1),
    ],
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


def test_a_bad_process_rejects_for_all(monkeypatch):
    def another_has_a_bad_one(value, op):
        assert op == 'max'
        value.fill_(1 if value == 0 else math.inf)

    monkeypatch.setattr(
        'mmsapiens.engine.optim.loss_guard.all_reduce', another_has_a_bad_one
    )
    guard = LossGuard()
    assert not guard.accepts_gradients([torch.ones(2)])
    assert not guard.accepts(torch.tensor(1.0))
    assert guard.num_rejected == 2
