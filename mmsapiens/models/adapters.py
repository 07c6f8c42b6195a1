"""Low-rank adapters (LoRA, DoRA) on the linear layers of an encoder, by the package peft."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

TARGETS = {'attention': 'attn', 'mlp': 'ffn'}
"""Word of ``targets`` -> the part of a block."""
MARK = '.lora_'
"""In the name of every parameter of an adapter, after that of its layer."""
BASE = '.base_layer'
"""What peft puts between the name of a layer and those of its own parameters."""


@dataclass(frozen=True)
class AdapterOptions:
    """What an adapter is.

    Args:
        r (int): Rank of the update of a layer. Defaults to 16.
        alpha (float, optional): The update is multiplied by alpha / r. Defaults to None, r.
        targets (str): Linear layers of all blocks: 'attention', 'mlp' or 'attention+mlp'. Defaults
            to 'attention+mlp'.
        dropout (float): Of the input of the update in training. Defaults to 0.
        dora (bool): Whether the length of each row is trained apart (Liu et al., ICML 2024).
            Defaults to False.

    Raises:
        ValueError: If a value is out of range, or a target is not known.
    """

    r: int = 16
    alpha: float | None = None
    targets: str = 'attention+mlp'
    dropout: float = 0.0
    dora: bool = False

    def __post_init__(self) -> None:
        words = self.targets.split('+')
        if not set(words) <= set(TARGETS) or len(set(words)) < len(words):
            text = "`targets` must be 'attention', 'mlp' or 'attention+mlp'"
            raise ValueError(f'{text}, but got {self.targets!r}')
        if self.r < 1 or int(self.r) != self.r:
            raise ValueError(f'`r` must be an integer of at least 1, but got {self.r}')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'`dropout` must be in [0, 1), but got {self.dropout}')


def target_names(encoder: Any, targets: str) -> list[str]:
    """Full names of the linear layers that ``targets`` of an adapter stands for."""
    parts = tuple(TARGETS[word] for word in targets.split('+'))
    blocks = {id(block) for block in encoder.blocks}
    found: dict[str, None] = {}
    for name, module in encoder.named_modules():
        for inner, layer in module.named_modules() if id(module) in blocks else ():
            if isinstance(layer, nn.Linear) and MARK not in inner and inner.startswith(parts):
                found[f'{name}.{inner}'.removesuffix(BASE)] = None
    return list(found)


def add_adapter(
    encoder: Any, options: AdapterOptions | Mapping[str, Any], name: str = 'default'
) -> list[str]:
    """Put an adapter on the blocks of an encoder, in place; only adapters have gradients then.

    The output stays the same until the adapter is trained or loaded. Several adapters have
    different names; the last one is in use.

    Args:
        encoder (nn.Module): One of :mod:`mmsapiens.models`.
        options (AdapterOptions | Mapping): What it is like.
        name (str): Its name. Defaults to 'default'.

    Returns:
        list[str]: Names of the layers that have one.

    Raises:
        ImportError: If peft is not installed.
        ValueError: If the name is taken, or ``frozen_stages`` of the encoder is set.
    """
    if not isinstance(options, AdapterOptions):
        options = AdapterOptions(**options)
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        text = 'adapters need the package peft: pip install "mmsapiens[adapters]"'
        raise ImportError(f'{text} ({error})') from error
    known = adapters_of(encoder)
    if name in known:
        raise ValueError(f'`name` must be new, but the encoder has an adapter {name!r}')
    if getattr(encoder, 'frozen_stages', -1) >= 0:
        raise ValueError(
            f'an encoder with an adapter is frozen as a whole: leave out `frozen_stages`, '
            f'but it is {encoder.frozen_stages}'
        )
    names = target_names(encoder, options.targets)
    # As a pattern of whole names: a list is matched by the ends of names.
    config = LoraConfig(
        r=options.r,
        lora_alpha=options.r if options.alpha is None else options.alpha,
        lora_dropout=options.dropout,
        use_dora=options.dora,
        target_modules='|'.join(map(re.escape, names)),
    )
    inject_adapter_in_model(config, encoder, name)
    encoder.adapters = {**known, name: options}
    use_adapter(encoder, name)
    return names


def adapters_of(encoder: Any) -> dict[str, AdapterOptions]:
    """The adapters of an encoder by name."""
    return dict(getattr(encoder, 'adapters', {}))


def adapted_layers(encoder: nn.Module) -> dict[str, Any]:
    """Name -> the layers of peft in an encoder."""
    modules = encoder.named_modules()
    return {name: each for name, each in modules if hasattr(each, 'lora_A')}


def use_adapter(encoder: nn.Module, name: str | None) -> None:
    """Let an encoder compute with one of its adapters, or with none."""
    for layer in adapted_layers(encoder).values():
        layer.enable_adapters(name is not None)
        if name is not None:
            layer.set_adapter([name])


def merge_adapter(encoder: Any) -> None:
    """Add the adapter in use to the weights, in place, and leave all adapters out."""
    for name, layer in adapted_layers(encoder).items():
        layer.merge(safe_merge=True)
        parent, _, last = name.rpartition('.')
        setattr(encoder.get_submodule(parent), last, layer.get_base_layer())
    encoder.adapters = {}
