"""Files of adapters: an adapter, its head, and what the weights are that it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models.adapters import BASE, MARK, adapters_of, add_adapter, merge_adapter
from ..models.sapiens_model import SapiensModel
from ..models.tasks import module_name
from .build_model import build_from_content
from .checkpoint_io import read_checkpoint, write_checkpoint
from .contents import get_state_dict
from .families import BACKBONE, encoder_state_dict
from .heads import SEVERAL, split_heads
from .metadata import ADAPTER, KEY, adapter_of, facts_of_task, model_metadata, read_facts, task_of

INPUT = ('arch', 'img_size', 'patch_padding', 'mean', 'std', 'channels')
"""What a file says of its encoder and of the images that go into it."""


def base_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of an encoder without its adapters, as they were named before."""
    return {key.replace(BASE, ''): v for key, v in weights.items() if MARK not in key}


def encoder_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of the weights of an encoder by name, as float32; of any file that holds them."""
    digest = hashlib.sha256()
    for key, tensor in sorted(base_names(weights).items()):
        digest.update(f'{key}{tuple(tensor.shape)}'.encode())
        values = tensor.detach().to('cpu', torch.float32).contiguous()
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def keep_adapter(weights: Mapping[str, Tensor], encoder: Any, base: str) -> tuple[dict, dict]:
    """What a file of an adapter holds of a model's weights, and what it says about it.

    Args:
        weights (Mapping[str, Tensor]): Of the whole model, the encoder with ``backbone.``.
        encoder (nn.Module): The encoder, with one adapter.
        base (str): Name of the file that the encoder began with.
    """
    kept = {
        key: value for key, value in weights.items() if not key.startswith(BACKBONE) or MARK in key
    }
    (options,) = adapters_of(encoder).values()
    of_base = dict(sha256=encoder_digest(encoder.state_dict()), name=base)
    return kept, asdict(options) | dict(base=of_base)


def check_base(encoder: nn.Module, stated: Mapping[str, Any], where: str | Path | None) -> None:
    """A ValueError if an adapter was trained on other weights than those of an encoder."""
    base = stated['base']
    if encoder_digest(encoder.state_dict()) != base['sha256']:
        raise ValueError(
            f'{where} is an adapter for {base["name"] or "other weights"} (SHA-256 of the weights '
            f'{base["sha256"][:12]}), but the encoder has others. Give the one that it was '
            'trained on.'
        )


def build_adapted(
    base: str | Path,
    adapters: Mapping[str, str | Path],
    *,
    img_size: tuple[int, int] | None = None,
    flip_test: bool | None = None,
    device: str | torch.device = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> SapiensModel:
    """A model of one encoder with an adapter and a head for each task.

    The weights of the encoder are in memory once; each adapter needs a pass of its own.

    Args:
        base (str | Path): The checkpoint that the adapters were trained on.
        adapters (Mapping[str, str | Path]): Task -> file of its adapter.
        img_size (tuple[int, int], optional): As in :func:`mmsapiens.build_model`, like the rest.

    Raises:
        ImportError: If peft is not installed.
        ValueError: If a file is no adapter, or one of other weights.
    """
    if not adapters:
        raise ValueError('`adapters` must name a file for at least one task, but is empty')
    contents = {task: read_checkpoint(path, 'cpu') for task, path in adapters.items()}
    weights: dict[str, Tensor] = {}
    inputs: dict[str, Any] = {}
    for task, path in adapters.items():
        meta: Any = contents[task].get('meta')
        if adapter_of(meta) is None:
            raise ValueError(f'`adapters`: {path} for {task!r} has no adapter')
        for facts in read_facts(meta) or ():
            if facts.contradicts(facts_of_task(task)):
                raise ValueError(f'`adapters`: {path} for {task!r} is for {facts}')
        inputs[task] = {key: meta[KEY].get(key) for key in INPUT}
        if inputs[task] != (first := next(iter(inputs.values()))):
            raise ValueError(
                '`adapters` on one encoder must see images alike, but that of '
                f'{next(iter(inputs))!r} has {first}, and that of {task!r} {inputs[task]}. Build a '
                'model for each.'
            )
        heads = split_heads(get_state_dict(contents[task]))
        if len(heads) != 1:
            raise ValueError(f'`adapters`: {path} must have one head, but has {sorted(heads)}')
        (head,) = heads.values()
        weights |= {f'{SEVERAL}{module_name(task)}.{key}': v for key, v in head.items()}
    whole = get_state_dict(read_checkpoint(base, 'cpu', mmap=True))
    encoder = {BACKBONE + key: value for key, value in encoder_state_dict(whole).items()}
    own = dict(next(iter(contents.values()))['meta'][KEY])
    del own[ADAPTER]
    model = build_from_content(
        dict(state_dict=encoder | weights, meta={KEY: own}),
        Path(base),
        None,
        list(adapters),
        img_size,
        dict(patch_padding=None, flip_test=flip_test),
    )
    stated = {task: content['meta'][KEY][ADAPTER] for task, content in contents.items()}
    for task in {each['base']['sha256']: task for task, each in stated.items()}.values():
        check_base(model.backbone, stated[task], adapters[task])
    for task, content in contents.items():
        options = {key: v for key, v in stated[task].items() if key != 'base'}
        add_adapter(model.backbone, options, module_name(task))
        _load_adapter(model, module_name(task), get_state_dict(content), adapters[task])
    model.adapters = {task: module_name(task) for task in adapters}
    return model.requires_grad_(False).to_dtype(dtype).to(device).eval()


def _load_adapter(
    model: SapiensModel, name: str, weights: Mapping[str, Tensor], path: str | Path
) -> None:
    """Fill one adapter of a model."""
    marked = f'.{name}.'
    own = {key for key in model.state_dict() if MARK in key and marked in key.split(MARK)[1]}
    given = {}
    for key, value in weights.items():
        if MARK in key:
            layer, _, rest = key.partition(MARK)
            part, _, last = rest.partition('.default')
            given[f'{layer}{MARK}{part}.{name}{last}'] = value
    if set(given) != own:
        odd = sorted(set(given) ^ own)
        raise ValueError(f'{path}: the adapter is of another encoder; of one alone are {odd[:4]}')
    model.load_state_dict(given, strict=False)


def merge_adapters(
    base: str | Path, adapter: str | Path, target: str | Path, with_hash: bool = False
) -> Path:
    """Write one file of an adapter, its head and the weights that it was trained on.

    Args:
        base (str | Path): The checkpoint that the adapter was trained on.
        adapter (str | Path): Its file.
        target (str | Path): The file to write, ``.safetensors`` or ``.pth``.
        with_hash (bool): As in :func:`mmsapiens.checkpoints.convert_checkpoint`.
    """
    meta = read_checkpoint(adapter, 'cpu', mmap=True).get('meta')
    if adapter_of(meta) is None:
        raise ValueError(f'{adapter} has no adapter, so it needs no base: convert it without')
    facts = read_facts(meta) or []
    if len(facts) != 1:
        raise ValueError(f'{adapter} must say what its one head is for, but it names {len(facts)}')
    task = task_of(None, facts[0]).name
    model = build_adapted(base, {task: adapter})
    merge_adapter(model.backbone)
    model.adapters = {}
    own = {KEY: model_metadata(model), 'source': [Path(base).name, Path(adapter).name]}
    return write_checkpoint(model.state_dict(), target, own, with_hash)
