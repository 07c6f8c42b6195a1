"""Layer-wise learning rate decay; the encoder says which layer a parameter is of."""

import re
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ...registry import OPTIM_WRAPPER_CONSTRUCTORS

BACKBONE = 'backbone.'
_WRAPPERS = re.compile(r'(_fsdp_wrapped_module|_orig_mod|module)\.')


def without_wrappers(name: str) -> str:
    """A parameter's name without parts that FSDP and compile insert."""
    return _WRAPPERS.sub('', name)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class ViTLayerDecayConstructor(DefaultOptimWrapperConstructor):
    """Gives layer i of n + 1 the learning rate ``lr * rate ** (n - i)``.

    The idea is from `BEiT <https://arxiv.org/abs/2106.08254>`_, the rule that of the Sapiens
    recipes. Tensors with one dimension, biases and the position embedding are not decayed.

    ``paramwise_cfg`` takes two keys, any other is an error:

    - ``layer_decay_rate`` (float): In (0, 1].
    - ``num_layers`` (int, optional): Only checked; the number is taken from
      the backbone.

    Args:
        optim_wrapper_cfg (dict): Config of the optimizer wrapper, with ``optimizer``, which needs
            ``lr`` and ``weight_decay``.
        paramwise_cfg (dict, optional): As above. Defaults to None.

    Raises:
        ValueError: If a key is unknown, missing or out of range.
    """

    def _validate_cfg(self) -> None:
        super()._validate_cfg()
        unknown = set(self.paramwise_cfg) - {'layer_decay_rate', 'num_layers'}
        if unknown:
            raise ValueError(
                '`paramwise_cfg` of ViTLayerDecayConstructor takes `layer_decay_rate` and '
                f'`num_layers`, but got {sorted(unknown)}, which would have no effect: biases, '
                'norms and the position embedding are never decayed'
            )
        rate = self.paramwise_cfg.get('layer_decay_rate')
        if rate is None or not 0 < rate <= 1:
            raise ValueError(f'`layer_decay_rate` must be in (0, 1], but got {rate}')
        for key in ('lr', 'weight_decay'):
            if self.optimizer_cfg.get(key) is None:
                raise ValueError(
                    f'`optimizer` must give `{key}`, but its keys are {sorted(self.optimizer_cfg)}'
                )

    def _encoder(self, model: nn.Module) -> Any:
        """The backbone, which knows the layer of a parameter."""
        encoder: Any = getattr(model, 'backbone', None)
        if not (hasattr(encoder, 'num_layers') and hasattr(encoder, 'layer_of')):
            raise ValueError(
                'ViTLayerDecayConstructor needs a model whose `backbone` says where its '
                f'parameters are, but got a backbone of type {type(encoder).__name__}. Give that '
                'class an attribute `num_layers` and a method `layer_of(name)`, as SapiensViT '
                'has: 0 for embeddings, i + 1 for block i, `num_layers` + 1 for what follows.'
            )
        wanted = self.paramwise_cfg.get('num_layers', encoder.num_layers)
        if wanted != encoder.num_layers:
            raise ValueError(
                f'`num_layers` must be that of the backbone, {encoder.num_layers}, but '
                f'got {wanted}. Leave it out of `paramwise_cfg`.'
            )
        return encoder

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: object) -> None:
        encoder = self._encoder(module)
        last = encoder.num_layers + 1
        rate = self.paramwise_cfg['layer_decay_rate']
        groups: dict[str, dict] = {}
        for full_name, param in module.named_parameters():
            if not param.requires_grad:
                continue
            name = without_wrappers(full_name)
            decays = not (param.ndim == 1 or name.endswith('.bias') or 'pos_embed' in name)
            in_encoder = name.startswith(BACKBONE)
            depth = encoder.layer_of(name.removeprefix(BACKBONE)) if in_encoder else last
            scale = rate ** (last - depth)
            name = f'layer_{depth}_{"decay" if decays else "no_decay"}'
            decay = self.base_wd if decays else 0.0
            group: dict = dict(params=[], lr=self.base_lr * scale, weight_decay=decay)
            group.update(group_name=name, lr_scale=scale)
            groups.setdefault(name, group)['params'].append(param)
        params.extend(groups.values())
