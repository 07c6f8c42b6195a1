"""Random numbers of a training step that depend on the step alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds Python, numpy and torch in front of every training step.

    The seed comes from the runner's seed, the rank and the step. A resumed run therefore draws what
    the uninterrupted one would have drawn, without a state of each process in the checkpoint, and
    whatever was drawn in between, by validation for example.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed all generators."""
        source = np.random.SeedSequence([abs(int(runner.seed or 0)), get_rank(), runner.iter])
        words = source.generate_state(4)
        random.seed(int(words[0]))
        np.random.seed(int(words[1]))
        torch.manual_seed((int(words[2]) << 31) | (int(words[3]) >> 1))
