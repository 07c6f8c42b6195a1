"""Training steps as the runner takes them, and what they cost."""

from __future__ import annotations

import copy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmsapiens.models.layers import compile_blocks
from model_cost import count_operations
from torch import nn

from .batches import Batch

FORWARD_AND_BACKWARD = 3
"""Operations of both over those of the forward pass."""


def optimizer_of(model: nn.Module, cfg: Config, **changes: Any) -> Any:
    """The optimizer wrapper of a config.

    Args:
        model (nn.Module): What it trains.
        cfg (Config): With ``optim_wrapper``.
        **changes (Any): Of the wrapper.
    """
    wrapper = copy.deepcopy(cfg.optim_wrapper)
    wrapper.update(changes)
    if wrapper.type == 'OptimWrapper':  # layer decay needs our backbone
        wrapper.pop('constructor', None)
        wrapper.pop('paramwise_cfg', None)
    return build_optim_wrapper(model, wrapper)


class Stepper:
    """Takes training steps on one batch.

    Args:
        model (nn.Module): The model.
        wrapper (OptimWrapper): Its optimizer.
        batch (dict): As from a loader.
    """

    def __init__(self, model: nn.Module, wrapper: Any, batch: Batch) -> None:
        self.model, self.wrapper, self.batch = model, wrapper, batch

    def __call__(self) -> dict[str, torch.Tensor]:
        """One step; the losses by name."""
        # Moving to the device makes new samples; those of the batch stay.
        return self.model.train_step(dict(self.batch), self.wrapper)


def training_flops(model: nn.Module, batch_size: int) -> int:
    """Operations of a step, counted in one forward pass.

    Those that checkpointing repeats are not counted, nor loss and optimizer.

    Args:
        model (nn.Module): Pose or dense, not compiled.
        batch_size (int): Images of a step.

    Returns:
        int: Two for each multiply-accumulate.
    """
    device = next(model.parameters()).device
    image = torch.zeros(1, 3, *model.backbone.img_size, device=device)
    with torch.autocast(device.type, torch.bfloat16, device.type == 'cuda'):
        macs = count_operations(lambda: model(image, None, mode='tensor'))
    return 2 * FORWARD_AND_BACKWARD * macs.total * batch_size


def compile_model(model: nn.Module, with_head: bool, backend: str) -> None:
    """Compile the blocks and perhaps the head's trunk."""
    compile_blocks(model, backend=backend)
    if with_head:
        head = getattr(model, 'head', None) or model.decode_head
        head.deconv_layers.compile(dynamic=False, backend=backend)
        head.conv_layers.compile(dynamic=False, backend=backend)
