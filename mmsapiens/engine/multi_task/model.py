"""Models of single tasks that share one encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor, BaseModel, ModuleDict
from torch import Tensor, nn

from ...models.tasks import module_name
from ...registry import MODELS
from .data import TASK, check_names

WEIGHTINGS = ('fixed', 'uncertainty')


class TaskPreprocessor(BaseDataPreprocessor):
    """The data preprocessors of several tasks; a batch goes to that of its own."""

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.names = tuple(parts)
        self.parts = nn.ModuleDict({module_name(name): part for name, part in parts.items()})

    def forward(self, data: dict, training: bool = False) -> dict:
        """What the preprocessor of the task makes of a batch, with the task's name as ``task``."""
        task = data.get(TASK)
        names = {task} if isinstance(task, str) else set(task or ())
        if len(names) != 1 or not names <= set(self.names):
            raise ValueError(
                f'`data` must be of one of the tasks {list(self.names)}, named under "{TASK}", but '
                f'got {sorted(map(str, names))}. Use TaskBatchSampler, and the loops of this module'
            )
        (name,) = names
        rest = {key: value for key, value in data.items() if key != TASK}
        return {**self.parts[module_name(name)](rest, training), TASK: name}


@MODELS.register_module()
class MultiTaskModel(BaseModel):
    """Models of single tasks that share one encoder.

    Parameters are named as in :class:`mmsapiens.models.SapiensModel`, so that
    :func:`mmsapiens.build_model` takes the checkpoints.

    Args:
        backbone (dict): The encoder of all.
        models (Mapping[str, dict]): Task -> its whole model, with ``_scope_`` of its host; the
            ``backbone`` in it is not used.
        loss_weights (Mapping[str, float], optional): Of the losses of a task. Defaults to None, 1.
        weighting (str): 'fixed', or 'uncertainty': the losses L of a task count as exp(-s) L + s /
            2 with a trained s that starts at 0 (Kendall et al., CVPR 2018, with its factor of 2 in
            the loss). Defaults to 'fixed'.
        init_cfg (dict, optional): As everywhere in MMEngine. Defaults to None.

    Raises:
        ValueError: If there is no model, a name has no task, a weight is negative or ``weighting``
            is another word.
    """

    def __init__(
        self,
        backbone: Mapping[str, Any],
        models: Mapping[str, Mapping[str, Any]],
        loss_weights: Mapping[str, float] | None = None,
        weighting: str = 'fixed',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        weights = dict(loss_weights or {})
        if not models:
            raise ValueError('`models` must have a model for at least one task, but is empty')
        check_names('loss_weights', weights, list(models))
        if any(not weight >= 0 for weight in weights.values()):
            raise ValueError(f'`loss_weights` must not be negative, but got {weights}')
        if weighting not in WEIGHTINGS:
            raise ValueError(f'`weighting` must be one of {WEIGHTINGS}, but got {weighting!r}')
        self.backbone = MODELS.build(backbone)
        # Task -> its model, which is no submodule: its parts are.
        self.single_models: dict[str, Any] = {}
        for name, model in models.items():
            self.single_models[name] = MODELS.build({**model, 'backbone': dict(type=nn.Identity)})
            self.single_models[name].backbone = self.backbone
        self.heads = ModuleDict({module_name(name): self.head_of(name) for name in models})
        parts = {name: host.data_preprocessor for name, host in self.single_models.items()}
        self.data_preprocessor = TaskPreprocessor(parts)
        self.loss_weights = {name: float(weights.get(name, 1)) for name in models}
        names = map(module_name, models if weighting == 'uncertainty' else ())
        self.log_variances = nn.ParameterDict({name: torch.zeros(()) for name in names})

    def head_of(self, task: str) -> nn.Module:
        """The head of a task."""
        host = self.single_models[task]
        for part in ('neck', 'auxiliary_head'):
            if getattr(host, part, None) is not None:
                text = f'the model of {task!r} has a `{part}`'
                raise ValueError(f'{text}; here a model must be an encoder and one head')
        return host.head if hasattr(host, 'head') else host.decode_head

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[Any] | None = None,
        mode: str = 'tensor',
        task: str | None = None,
    ) -> Any:
        """Losses, named TASK.NAME, or predictions of a task, as its own model gives them; or, with
        mode 'tensor', outputs of all heads by task for normalized images (B, 3, H, W)."""
        if mode == 'tensor':
            feats = self.backbone(inputs)
            return {name: self.heads[module_name(name)](feats) for name in self.single_models}
        if task not in self.single_models:
            raise ValueError(f'`task` must be one of {list(self.single_models)}, but got {task!r}')
        outputs = self.single_models[task].forward(inputs, data_samples, mode)
        return self._weighted(task, outputs) if mode == 'loss' else outputs

    def _weighted(self, task: str, losses: Mapping[str, Any]) -> dict[str, Any]:
        weight: float | Tensor = self.loss_weights[task]
        named: dict[str, Any] = {}
        if self.log_variances:
            log_variance = self.log_variances[module_name(task)]
            weight = weight * torch.exp(-log_variance)
            named[f'{task}.loss_uncertainty'] = log_variance / 2
        for name, value in losses.items():
            if 'loss' in name:  # as MMEngine tells what is summed up
                is_list = isinstance(value, list)
                value = [each * weight for each in value] if is_list else value * weight
            named[f'{task}.{name}'] = value
        return named
