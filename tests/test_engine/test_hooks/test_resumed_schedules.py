import torch
from mmengine.optim import CosineAnnealingLR, LinearLR

from mmsapiens.engine.hooks.checkpoint_hooks import describe_changes


def schedules(steps):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    return [
        LinearLR(optimizer, start_factor=0.1, end=2, by_epoch=False),
        CosineAnnealingLR(optimizer, T_max=steps, begin=2, end=2 + steps, by_epoch=False),
    ]


def states(schedulers):
    return [scheduler.state_dict() for scheduler in schedulers]


def test_other_lengths_are_named():
    changes = describe_changes(states(schedules(10)), schedules(20))
    assert changes == [
        '`end` of CosineAnnealingLR is 12 instead of 22',
        '`T_max` of CosineAnnealingLR is 10 instead of 20',
    ]


def test_progress_is_no_change():
    begun = schedules(10)
    for scheduler in begun:
        scheduler.step()
    assert describe_changes(states(begun), schedules(10)) == []
    assert describe_changes(None, []) == []


def test_numbers_and_names_of_schedules():
    saved, now = states(schedules(10)), schedules(10)
    assert describe_changes(saved[:1], now) == ['1 schedules instead of 2']
    assert describe_changes(dict(a=saved), dict(a=now)) == []
