"""What a training run of a config needs: operations, memory, time.

Nothing is run: models have no data, see :mod:`model_cost`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmsapiens.models.layers import find_blocks
from model_cost import Operations, activation_bytes, count_operations, without_data

PAPER_TOKENS = 1_200_000_000_000
"""Tokens that each model of the paper is pretrained on."""

USABLE_SHARE = 0.9
"""Part of a GPU's memory to plan with; the rest is for workspace, fragments and communication."""

OPTIMIZER_STATES = {'AdamW': 2, 'Adam': 2, 'SGD': 1, 'Lion': 1}
"""Numbers that an optimizer keeps for each parameter."""

BYTES = {'float32': 4, 'bfloat16': 2, 'float16': 2}
GRADIENT_FACTOR = 2
"""A backward pass costs two forward passes."""


@dataclass(frozen=True)
class ModelCost:
    """What does not depend on the number of GPUs.

    Attributes:
        num_params (int): All parameters.
        num_trained (int): Those with gradients.
        largest_unit (int): Parameters of the largest transformer block.
        outside_units (int): Parameters outside the blocks.
        whole_image (Operations): Forward pass of the encoder, whole image.
        training (Operations): Forward pass of training, one image.
        recomputed (int): Multiply-accumulates that checkpointing repeats.
        tokens (int): Patches of an image.
        copies (int): Bytes of the weights' copies of lower precision.
        stored (int): Bytes of activations, one image.
        stored_checkpointed (int): Likewise, with checkpointing.
        largest_recomputed (int): Bytes that checkpointing brings back at a time, one image.
    """

    num_params: int
    num_trained: int
    largest_unit: int
    outside_units: int
    whole_image: Operations
    training: Operations
    recomputed: int
    tokens: int
    copies: int
    stored: int
    stored_checkpointed: int
    largest_recomputed: int

    def activations(self, with_cp: bool) -> int:
        """Peak bytes of activations of one image."""
        if with_cp:
            return self.stored_checkpointed + self.largest_recomputed
        return self.stored


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes on each GPU, by part.

    Attributes:
        sharding (str): 'DDP' or 'FSDP'.
        with_cp (bool): Whether activations are recomputed.
        weights (int): Parameters.
        gradients (int): Gradients.
        optimizer (int): States of the optimizer.
        buffers (int): Buckets of DDP and copies of lower precision, or gathered blocks of FSDP.
        activations (int): Of the config's batch.
        per_image (int): Activations of one image.
        usable (int): What may be used.
    """

    sharding: str
    with_cp: bool
    weights: int
    gradients: int
    optimizer: int
    buffers: int
    activations: int
    per_image: int
    usable: int

    @property
    def fixed(self) -> int:
        """Without activations."""
        return self.weights + self.gradients + self.optimizer + self.buffers

    @property
    def total(self) -> int:
        """All parts."""
        return self.fixed + self.activations

    @property
    def max_batch(self) -> int:
        """Images that fit on a GPU at a time."""
        return max(0, (self.usable - self.fixed) // self.per_image)


def build_on_meta(cfg: Config) -> nn.Module:
    """Build the model of a config without memory.

    Args:
        cfg (Config): Of any host.

    Returns:
        nn.Module: On the meta device, in training mode.

    Raises:
        ValueError: If the model has no transformer blocks.
    """
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    if not hasattr(getattr(model, 'backbone', None), 'patch_grid'):
        raise ValueError(
            'plans are made for models whose `backbone` is a SapiensViT, but '
            f'got {type(model).__name__}'
        )
    return model.train()


def _training_pass(model: nn.Module, batch: int) -> Callable[[], Any]:
    """The forward pass of training, as far as it costs anything."""
    image = torch.empty(batch, 3, *model.backbone.img_size)
    if hasattr(model.backbone, 'mask_ratio'):
        return lambda: model(image, [], mode='loss')
    return lambda: model(image, None, mode='tensor')


def _whole_image(model: nn.Module) -> Callable[[], Any]:
    image = torch.empty(1, 3, *model.backbone.img_size)
    if hasattr(model.backbone, 'mask_ratio'):
        return lambda: model.backbone(image, mask=False)
    return lambda: model.backbone(image)


def _numel(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def cost_of(cfg: Config, dtype: str = 'float32') -> ModelCost:
    """Count what a model needs.

    Args:
        cfg (Config): Of any host.
        dtype (str): Of autocast: 'float32' (none), 'bfloat16' or 'float16'. Defaults to 'float32'.

    Returns:
        ModelCost: The counts.

    Raises:
        ValueError: If the model has no transformer blocks, or ``dtype`` is unknown.
    """
    if dtype not in BYTES:
        raise ValueError(f'`dtype` must be one of {list(BYTES)}, but got {dtype!r}')
    model = build_on_meta(cfg)
    blocks = find_blocks(model)
    stacks = [m for m in model.modules() if hasattr(m, 'with_cp')]
    # float16 has the sizes of bfloat16, and CPUs lack some of its kernels.
    cast = torch.float32 if dtype == 'float32' else torch.bfloat16
    with without_data(model):

        def stored(batch: int, *checkpointed: nn.Module) -> int:
            for stack in stacks:
                stack.with_cp = stack in checkpointed
            return activation_bytes(model, _training_pass(model, batch), cast)

        # Not with one image, whose slices need no copies.
        stored_two = stored(2)
        per_image = stored(3) - stored_two
        saved = {stack: per_image - (stored(3, stack) - stored(2, stack)) for stack in stacks}
        whole_image = count_operations(_whole_image(model))
        training = count_operations(_training_pass(model, 1))
        is_masked = hasattr(model.backbone, 'mask_ratio')
        return ModelCost(
            num_params=_numel(model),
            num_trained=sum(p.numel() for p in model.parameters() if p.requires_grad),
            largest_unit=max(map(_numel, blocks)),
            outside_units=_numel(model) - sum(map(_numel, blocks)),
            whole_image=whole_image,
            training=training,
            recomputed=(training if is_masked else whole_image).total,
            tokens=model.backbone.patch_grid[0] * model.backbone.patch_grid[1],
            copies=stored_two - 2 * per_image,
            stored=per_image,
            stored_checkpointed=per_image - sum(saved.values()),
            largest_recomputed=max(size // len(find_blocks(s)) for s, size in saved.items()),
        )


def plan_memory(
    cost: ModelCost,
    *,
    num_gpus: int,
    gpu_memory_gb: float,
    batch: int,
    optimizer: str = 'AdamW',
    dtype: str = 'float32',
) -> list[MemoryPlan]:
    """Memory with DDP and FSDP, without and with checkpointing.

    Args:
        cost (ModelCost): From :func:`cost_of`, for the same ``dtype``.
        num_gpus (int): GPUs N of the run.
        gpu_memory_gb (float): Memory of each in GB (1e9 bytes).
        batch (int): Images on each GPU at a time.
        optimizer (str): A key of :data:`OPTIMIZER_STATES`. Defaults to 'AdamW'.
        dtype (str): Of autocast and of gathered weights. Defaults to 'float32'.

    Returns:
        list[MemoryPlan]: Four plans.

    Raises:
        ValueError: If a number is not positive, or the optimizer unknown.
    """
    for name, value in dict(num_gpus=num_gpus, gpu_memory_gb=gpu_memory_gb, batch=batch).items():
        if value <= 0:
            raise ValueError(f'`{name}` must be positive, but got {value}')
    if optimizer not in OPTIMIZER_STATES:
        raise ValueError(
            f'`optimizer` must be one of {list(OPTIMIZER_STATES)}, but got {optimizer!r}'
        )
    weights, gradients = 4 * cost.num_params, 4 * cost.num_trained
    states = OPTIMIZER_STATES[optimizer] * gradients
    plans = []
    for sharding in ('DDP', 'FSDP'):
        if sharding == 'DDP':
            shards = 1
            # Stock DDP copies gradients into buckets.
            buffers = cost.copies + (gradients if num_gpus > 1 else 0)
        else:
            shards = num_gpus
            # A block at work and the next one: weights and gradients.
            units = cost.outside_units + 2 * cost.largest_unit
            buffers = 2 * units * BYTES[dtype]
        for with_cp in (False, True):
            per_image = cost.activations(with_cp)
            plans.append(
                MemoryPlan(
                    sharding=sharding,
                    with_cp=with_cp,
                    weights=ceil(weights / shards),
                    gradients=ceil(gradients / shards),
                    optimizer=ceil(states / shards),
                    buffers=buffers,
                    activations=per_image * batch,
                    per_image=per_image,
                    usable=int(USABLE_SHARE * gpu_memory_gb * 1e9),
                )
            )
    return plans


def images_per_second(
    cost: ModelCost, *, num_gpus: int, with_cp: bool, peak_tflops: float, utilisation: float
) -> float:
    """Speed of training.

    Args:
        cost (ModelCost): From :func:`cost_of`.
        num_gpus (int): GPUs of the run.
        with_cp (bool): Whether activations are recomputed.
        peak_tflops (float): Rate of a GPU in the precision of the run.
        utilisation (float): Part of it that is reached, in (0, 1]; repeated operations count as
            work.

    Returns:
        float: Images of all GPUs.

    Raises:
        ValueError: If ``utilisation`` is out of range.
    """
    if not 0 < utilisation <= 1:
        raise ValueError(f'`utilisation` must be in (0, 1], but got {utilisation}')
    macs = (1 + GRADIENT_FACTOR) * cost.training.total
    if with_cp:
        macs += cost.recomputed
    return num_gpus * peak_tflops * 1e12 * utilisation / (2 * macs)


def days_for_tokens(cost: ModelCost, speed: float, tokens: int = PAPER_TOKENS) -> float:
    """Days to see a number of tokens; every patch of an image is one.

    Args:
        cost (ModelCost): From :func:`cost_of`.
        speed (float): Images per second.
        tokens (int): Tokens. Defaults to those of the paper.

    Returns:
        float: Days.
    """
    return tokens / cost.tokens / speed / 86400
