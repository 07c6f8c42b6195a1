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
    'settings', [dict(factor=1), dict(momentum=0), dict(momentum=1.1)]
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        LossGuard(**settings)
