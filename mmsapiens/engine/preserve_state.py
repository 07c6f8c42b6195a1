"""Running a model in between without leaving a trace."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel


@contextmanager
def preserve_state(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, which leaves modes and random states as they were."""
    modes = [(module, module.training) for module in model.modules()]
    python_state, numpy_state = random.getstate(), np.random.get_state()
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices=gpus), torch.no_grad():
            model.eval()
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        for module, is_training in modes:
            module.training = is_training


def is_sharded(model: nn.Module) -> bool:
    """Whether no process alone holds the weights: FSDP or DeepSpeed."""
    if type(model).__name__ == 'MMDeepSpeedEngineWrapper':
        return True
    kinds = (FSDPModule, FullyShardedDataParallel)
    return any(isinstance(module, kinds) for module in model.modules())
