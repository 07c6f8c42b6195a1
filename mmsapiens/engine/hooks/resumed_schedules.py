"""Schedules of a checkpoint that are not those of the config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SETTINGS = (
    'begin',
    'end',
    'T_max',
    'eta_min',
    'factor',
    'gamma',
    'milestones',
    'power',
    'start_factor',
    'end_factor',
    'step_size',
    'total_iters',
)
"""What a scheduler of mmengine keeps of its config, in iterations."""


def _flat(schedulers: Any) -> list[Any]:
    """The schedulers of one optimizer, or of several by name."""
    if isinstance(schedulers, Mapping):
        return [one for group in schedulers.values() for one in group]
    return list(schedulers or [])


def describe_changes(saved: Any, current: Any) -> list[str]:
    """What a resumed run takes from the checkpoint, not from its config.

    Args:
        saved (Any): ``param_schedulers`` of a checkpoint: states in a list, or in lists by the
            optimizer's name.
        current (Any): Schedulers of the run likewise.

    Returns:
        list[str]: A part of a sentence for each setting that differs.
    """
    states: Sequence[Mapping[str, Any]] = _flat(saved)
    schedulers = _flat(current)
    changes = []
    if len(states) != len(schedulers):
        changes.append(f'{len(states)} schedules instead of {len(schedulers)}')
    for state, scheduler in zip(states, schedulers):
        now = scheduler.state_dict()
        for name in SETTINGS:
            if name in state and name in now and state[name] != now[name]:
                changes.append(
                    f'`{name}` of {type(scheduler).__name__} is '
                    f'{state[name]} instead of {now[name]}'
                )
    return changes
