"""Ready models from names and checkpoints; no config, no host, nothing random on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..models.build import assemble, shared_padding
from ..models.input_rule import InputRule
from ..models.sapiens_model import SapiensModel
from ..models.tasks import DEFAULT_MODEL, FIRST, get_task, module_name
from .checkpoint_io import read_checkpoint
from .contents import CheckpointInfo, beside_encoder, examine, get_state_dict, strange_keys
from .families import BACKBONE, FAMILIES, encoder_state_dict, find_family, named_size
from .heads import SEVERAL, kind_of, split_heads
from .loading import fill, without_parameter_memory
from .metadata import KEY, facts_of_task, own_facts, stated_colors, task_of
from .stored_config import is_of_our_rule, stored_config


def build_model(
    model: str | Mapping[str, int] | None = DEFAULT_MODEL,
    tasks: str | Sequence[str] = ('pose-308',),
    *,
    checkpoint: str | Path | None = None,
    img_size: tuple[int, int] | None = None,
    patch_padding: int | str | None = None,
    flip_test: bool | None = None,
    device: str | torch.device = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> SapiensModel:
    """A model of one encoder and a head for each task.

    Args:
        model (str | Mapping, optional): One of :data:`mmsapiens.models.tasks.MODEL_NAMES`, such as
            'sapiens-1b' or 'sapiens2-1b', or an arch as in
            :func:`mmsapiens.models.archs.get_arch`, or None for that of the checkpoint. Defaults to
            'sapiens-0.3b'.
        tasks (str | Sequence[str]): Some of :func:`mmsapiens.models.tasks.tasks_of` the family.
            Defaults to ('pose-308',).
        checkpoint (str | Path, optional): A released file or one of a training, of one task; or
            ``state_dict()`` of a model of these tasks. Defaults to None, random weights.
        img_size (tuple[int, int], optional): Height and width of the input in pixels. Defaults to
            None, what the checkpoint was trained for, or that of the released models.
        patch_padding (int | str, optional): As in :class:`mmsapiens.models.SapiensViT`. Defaults to
            None, that of the released models of the tasks; 'corner' if these differ.
        flip_test (bool, optional): Whether to average with the output for the mirrored image.
            Defaults to None, as the released models: poses do, the other tasks do not.
        device (str | torch.device): Where to. Defaults to 'cpu'.
        dtype (torch.dtype): Of the parameters. Defaults to float32.

    Returns:
        SapiensModel: In evaluation mode; ``model(images, boxes)`` gives tensors.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If a name is unknown.
        ValueError: If the file is damaged, or is of another size or task.
    """
    names = [tasks] if isinstance(tasks, str) else list(tasks)
    options: dict[str, Any] = dict(patch_padding=patch_padding, flip_test=flip_test)
    if checkpoint is None:
        if model is None:
            raise ValueError('`model` must be a name where there is no `checkpoint`')
        named = named_size(model) if isinstance(model, str) else (FAMILIES[FIRST], model)
        encoder = named[0].encoder
        built = assemble(named[1], names, img_size=img_size, encoder=encoder, **options)
    else:
        path = Path(checkpoint).expanduser()
        content = read_checkpoint(path, 'cpu', mmap=True)
        try:
            built = _from_content(content, path, model, names, img_size, options)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
    return built.to_dtype(dtype).to(device).eval()


def is_self_contained(checkpoint: str | Path) -> bool:
    """Whether :func:`build_model` builds what is in a file; if not, its config is needed."""
    content = read_checkpoint(checkpoint, 'cpu', mmap=True)
    weights = get_state_dict(content)
    if find_family(weights) is None or strange_keys(weights):
        return False
    meta = content.get('meta') or {}
    config = stored_config(meta)
    if config is None:
        return True
    names = tuple(family.encoder.__name__ for family in FAMILIES.values())
    is_ours = str(config['model'].get('backbone', {}).get('type', '')).endswith(names)
    if KEY not in meta and not is_ours:
        return True  # such as a released file, whose config is of a fork
    return own_facts(meta) is not None and is_of_our_rule(config)


def _from_content(
    content: Mapping[str, Any],
    path: Path,
    model: str | Mapping[str, int] | None,
    tasks: Sequence[str],
    img_size: tuple[int, int] | None,
    options: Mapping[str, Any],
) -> SapiensModel:
    file = get_state_dict(content)
    weights = {BACKBONE + key: value for key, value in encoder_state_dict(file).items()}
    encoder, heads = dict(weights), split_heads(file)
    inside = [name.removeprefix(SEVERAL) for name in heads if name.startswith(SEVERAL)]
    meta = content.get('meta') or {}
    if inside and KEY in meta:  # the keys of a file with several heads name their tasks
        meta = {KEY: dict(meta[KEY], tasks=[])}
    layers, rows = {}, []
    for task in tasks:
        name, head = _find_head(heads, task, len(tasks))
        single = encoder | {f'{name}.{key}': value for key, value in head.items()}
        info = examine(dict(state_dict=single, meta=meta), facts_of_task(task), path)
        layers[task] = kind_of(head).layers_of(head)
        facts = info.facts or facts_of_task(task)
        facts = replace(facts, channels=info.out_channels)
        rows.append(task_of(task, facts, FAMILIES[info.family].tasks))
        weights |= {f'{SEVERAL}{module_name(task)}.{key}': v for key, v in head.items()}
    family = FAMILIES[info.family]
    if isinstance(model, str):
        named, arch = named_size(model)
        if named is not family:
            raise ValueError(f'the checkpoint has {info}, but `model` is {model!r}')
    else:
        arch = known_arch(info) if model is None else dict(model)
    # That of all heads, also those that were not asked for, as they share the encoder.
    shared = shared_padding([get_task(task, family.tasks) for task in inside or tasks])
    given = {key: value for key, value in options.items() if value is not None}
    options = dict(patch_padding=shared) | info.options | given
    with without_parameter_memory():
        built = assemble(
            arch,
            rows,
            img_size=family.input_hw(info, is_task=True) if img_size is None else img_size,
            patch_size=info.patch_size,
            head_layers=layers,
            encoder=family.encoder,
            **options,
        )
    built.use_rule(replace(built.rule, **stated_colors(info.own)))
    fill(built, built.backbone, weights, info, BACKBONE)
    return built


def _find_head(
    heads: Mapping[str, dict[str, Tensor]], task: str, num_tasks: int
) -> tuple[str, dict[str, Tensor]]:
    """The head of a task in a file: its name in files of one task, and its weights."""
    name, other = ('head', 'decode_head') if get_task(task).is_pose else ('decode_head', 'head')
    if not heads:
        remedy = 'build the model without `checkpoint`, and `load_checkpoint` into its `backbone`'
        raise ValueError(f'the checkpoint has no head for {task!r}, only an encoder: {remedy}')
    if any(each.startswith(SEVERAL) for each in heads):
        if SEVERAL + module_name(task) not in heads:
            known = sorted(each.removeprefix(SEVERAL) for each in heads)
            raise ValueError(f'the checkpoint has heads for {known}, but none for {task!r}')
        return name, heads[SEVERAL + module_name(task)]
    if num_tasks > 1:
        text = f'the checkpoint has one head, but {num_tasks} tasks were asked for'
        raise ValueError(f'{text}. Give one task, or the file of a model for all of them.')
    if name not in heads:
        text = f'the checkpoint has the head of another task: {task!r} needs `{name}.*`'
        raise ValueError(f'{text}, but the file has `{other}.*`')
    return name, heads[name]


def known_arch(info: CheckpointInfo) -> dict[str, int]:
    """The size of a file: as it says, or that of a known one."""
    if arch := FAMILIES[info.family].arch_of(info):
        return arch
    keys = '`embed_dims`, `num_layers`, `num_heads` and `feedforward_channels`'
    raise ValueError(f'the file has {info}, which is no known size: give `arch` with {keys}')


def build_encoder(
    checkpoint: str | Path,
    *,
    device: str | torch.device = 'cpu',
    dtype: torch.dtype = torch.float32,
    arch: str | Mapping[str, int] | None = None,
    patch_padding: int | str | None = None,
    task: str | None = None,
) -> tuple[Any, InputRule]:
    """The encoder of a checkpoint, in evaluation mode, and how it sees images.

    It gives tokens (B, L, D) after the final norm, with its class token if it has one. ``arch``,
    ``patch_padding`` and ``task`` are what the file says, where they are not given.
    """
    path = Path(checkpoint).expanduser()
    content = read_checkpoint(path, 'cpu', mmap=True)
    try:
        named = None if task is None else facts_of_task(task)
        weights = get_state_dict(content)
        info = examine(content, named, path, patch_padding is None, beside_encoder(weights))
        family = FAMILIES[info.family]
        img_size = family.input_hw(info)
        padding = info.patch_padding if patch_padding is None else patch_padding
        with without_parameter_memory():
            encoder = family.encoder(
                known_arch(info) if arch is None else arch,
                img_size=img_size,
                patch_size=info.patch_size,
                out_type='raw',
                with_cls_token=info.has_cls_token,
                **info.options | dict(patch_padding=padding),
            )
        fill(encoder, encoder, encoder_state_dict(weights), info)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    encoder = encoder.to(dtype).to(device).eval().requires_grad_(False)
    return encoder, InputRule(img_size, **stated_colors(info.own))
