"""What checkpoints of a training say about themselves."""

from __future__ import annotations

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from ...checkpoints.metadata import KEY, model_metadata


def inner_model(runner: Runner) -> nn.Module:
    """The model of a run without its wrapper; FSDP has states only through the outermost one."""
    model = runner.model
    if is_model_wrapper(model) and not isinstance(model, FullyShardedDataParallel):
        return model.module
    return model


def add_metadata(runner: Runner, checkpoint: dict) -> None:
    """Put ``meta['mmsapiens']`` into a checkpoint of one of our models, see
    :mod:`mmsapiens.checkpoints.metadata`."""
    meta = checkpoint.setdefault('meta', {})
    own = model_metadata(inner_model(runner), meta.get('dataset_meta'))
    if own is not None:
        meta[KEY] = own
