"""The network of a task: of a release, of what a checkpoint says, or of a config."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..checkpoints.build_model import build_model, is_self_contained
from ..models.tasks import FIRST
from .lite import LiteRule
from .task_network import DTYPES, FixedBatch, Options, TaskNetwork


def build_network(
    task: str,
    config: Any,
    weights: str | Path | None,
    options: Options | None = None,
    *,
    model: str | Mapping[str, int] | None = None,
) -> TaskNetwork:
    """Build the network of a task, in evaluation mode.

    A ``config`` is of a top-down pose estimator of MMPose or a segmentor of MMSegmentation;
    without, the checkpoint or its row tells what ``task`` is. Without ``weights`` they are random.
    ``model`` is as in :func:`mmsapiens.build_model`, and only without a config.
    """
    options = options or Options()
    is_whole = weights is None or is_self_contained(weights)
    if config is None and weights is not None and not is_whole:
        from .host_models import config_of_file  # needs a host

        config = config_of_file(weights)
    if config is None:
        dtype = DTYPES[options.dtype]
        try:
            built = build_model(model, task, checkpoint=weights, device=options.device, dtype=dtype)
        except ValueError as error:
            if is_whole:
                raise
            remedy = 'give the one that it was trained with (`configs`, `--config`)'
            raise ValueError(f'{error} The file carries no config either: {remedy}.') from None
        network = TaskNetwork(task, built)
    else:
        from .host_models import network_of_config  # needs a host

        try:
            network = network_of_config(task, config, weights, options)
        except (SyntaxError, TypeError, AttributeError, ArithmeticError) as error:
            kind = type(error).__name__
            name = f'in {weights}' if isinstance(config, Mapping) else config
            raise ValueError(f'the config {name} cannot be used: {kind}: {error}') from error
    if type(network) is not TaskNetwork:
        return network
    built = network.model.requires_grad_(False)
    if options.mode == 'lite':
        if getattr(built.backbone, 'family', FIRST) != FIRST:
            text = "`mode='lite'` gives the numbers of demos of the first generation, but"
            raise ValueError(f'{text} {task!r} is of the family {built.backbone.family!r}')
        built.use_rule(LiteRule(built.rule.size_hw, swap_channels=built.rule.swap_channels))
        built.heads[task].border = 'stock'  # type: ignore[assignment]
    flip_test = False if options.mode == 'lite' else options.flip_test
    if flip_test is not None:
        built.tasks[task] = network.row = replace(built.tasks[task], flip_test=flip_test)
    if options.compile:
        built.backbone = FixedBatch(built.backbone, options.batch_size)
    return network
