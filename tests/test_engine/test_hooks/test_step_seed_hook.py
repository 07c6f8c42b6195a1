"""StepSeedHook."""

import random
from types import SimpleNamespace

import numpy as np
import torch

from mmsapiens.engine.hooks import StepSeedHook


def draw(step, seed=0):
    runner = SimpleNamespace(seed=seed, iter=step)
    StepSeedHook().before_train_iter(runner, 0)
    return random.random(), np.random.rand(), float(torch.rand(()))


def test_draws_depend_on_the_step_alone():
    first = draw(3)
    torch.rand(5)
    assert draw(3) == first


def test_steps_seeds_and_ranks_differ(monkeypatch):
    draws = [draw(3), draw(4), draw(3, seed=1)]
    monkeypatch.setattr('mmsapiens.engine.hooks.data_hooks.get_rank', lambda: 1)
    draws.append(draw(3))
    for values in zip(*draws):
        assert len(set(values)) == 4
