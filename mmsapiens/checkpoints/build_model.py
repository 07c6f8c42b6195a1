"""Ready models from names and checkpoints; no config, no host.

Nothing is initialized at random on the way: parameters are built without memory and then *are* the
tensors of the file, which the system reads when they are first used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..models.archs import SAPIENS_ARCHS, get_arch
from ..models.backbones import SapiensViT
from ..models.build import assemble, shared_padding
from ..models.heads import HEADS
from ..models.sapiens_model import SapiensModel
from ..models.tasks import PREFIX, get_task, model_size
from .checkpoint_io import read_checkpoint
from .contents import CheckpointInfo, encoder_state_dict, examine, get_state_dict
from .families.sapiens import BACKBONE, check_head, fit_encoder, is_bare_encoder
from .loading import check_encoder, without_parameter_memory
from .metadata import KEY, facts_of_task

HEAD_OF = re.compile(r'heads\.(?P<task>[^.]+)\.(?P<name>.+)')
"""Parameters of a head in the file of a model with several."""


def build_model(
    model: str | Mapping[str, int] | None = 'sapiens-1b',
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
        model (str | Mapping, optional): 'sapiens-0.3b', 'sapiens-0.6b', 'sapiens-1b',
            'sapiens-2b' or 'sapiens-tiny'; or an arch as in
            :func:`mmsapiens.models.archs.get_arch`; or None for that of the checkpoint. Defaults
            to 'sapiens-1b'.
        tasks (str | Sequence[str]): Some of :data:`mmsapiens.models.tasks.TASKS`. Defaults to
            ('pose-308',).
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
        built = assemble(model, names, img_size=img_size, **options)
    else:
        path = Path(checkpoint).expanduser()
        content = read_checkpoint(path, 'cpu', mmap=True)
        try:
            built = _from_content(content, path, model, names, img_size, options)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
    return built.to_dtype(dtype).to(device).eval()


def _from_content(
    content: Mapping[str, Any],
    path: Path,
    model: str | Mapping[str, int] | None,
    tasks: Sequence[str],
    img_size: tuple[int, int] | None,
    options: Mapping[str, Any],
) -> SapiensModel:
    file = get_state_dict(content)
    singles = _split(file, tasks)
    inside = {match['task'] for key in file if (match := HEAD_OF.fullmatch(key))}
    meta = content.get('meta') or {}
    if inside and KEY in meta:  # the keys of a file with several heads name their tasks
        meta = {KEY: dict(meta[KEY], tasks=[])}
    infos = [
        examine(dict(state_dict=single, meta=meta), facts_of_task(task), path)
        for task, single in singles.items()
    ]
    info = infos[0]
    if options['patch_padding'] is None:
        # That of all heads, also those that were not asked for, as they share the encoder.
        padding = shared_padding([get_task(task) for task in inside or tasks])
        options = dict(options, patch_padding=(info.own or {}).get('patch_padding', padding))
    if isinstance(model, str):
        model = get_arch(PREFIX.replace('-', '_') + model_size(model))
    with without_parameter_memory():
        built = assemble(
            known_arch(info) if model is None else model,
            tasks,
            img_size=trained_size(info, is_task=True) if img_size is None else img_size,
            patch_size=info.patch_size,
            head_layers={task: _head_layers(single) for task, single in singles.items()},
            **options,
        )
    weights = {BACKBONE + k: v for k, v in encoder_state_dict(singles[tasks[0]]).items()}
    check_encoder(built.backbone, info, with_head=True)
    fit_encoder(built.backbone, weights, BACKBONE)
    for task, single in singles.items():
        prefix, head = HEADS[get_task(task).head].prefix, built.heads[task]
        check_head(single, {prefix + key: value for key, value in head.state_dict().items()})
        weights.update(
            (f'heads.{task}.{key.removeprefix(prefix)}', value)
            for key, value in single.items()
            if key.startswith(prefix)
        )
    assign(built, weights)
    return built


def _split(file: Mapping[str, Tensor], tasks: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """For each task encoder and head, in the layout of the files of one task."""
    encoder = {key: value for key, value in file.items() if key.startswith(BACKBONE)}
    heads: dict[str, dict[str, Tensor]] = {}
    for key, value in file.items():
        if match := HEAD_OF.fullmatch(key):
            prefix = HEADS[get_task(match['task']).head].prefix
            heads.setdefault(match['task'], {})[prefix + match['name']] = value
    if not heads and len(tasks) > 1:
        raise ValueError(
            f'the checkpoint has one head, but {list(tasks)} were asked for. Give one task, or the '
            'file of a model that was built for all of them.'
        )
    if not heads:
        if is_bare_encoder(file) or not any(key.startswith(('head.', 'decode_')) for key in file):
            examine(file, needs_task=False)
            raise ValueError(
                f'the checkpoint has no head for {tasks[0]!r}, only an encoder. Build the model '
                'without `checkpoint` and load this file into its `backbone` '
                '(`mmsapiens.checkpoints.load_checkpoint`).'
            )
        return {tasks[0]: dict(file)}
    missing = [task for task in tasks if task not in heads]
    if missing:
        raise ValueError(f'the checkpoint has heads for {sorted(heads)}, but none for {missing}')
    return {task: {**encoder, **heads[task]} for task in tasks}


def _head_layers(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Channels and kernel sizes of the trunk of a head."""
    found: dict[str, tuple[int, ...]] = {}
    for kind, axis in (('deconv', 1), ('conv', 0)):
        pattern = re.compile(rf'(?:head|decode_head)\.{kind}_layers\.(\d+)\.weight')
        shapes = sorted(
            (int(match[1]), tuple(value.shape))
            for key, value in weights.items()
            if (match := pattern.fullmatch(key))
        )
        found[f'{kind}_out_channels'] = tuple(shape[axis] for _, shape in shapes)
        found[f'{kind}_kernel_sizes'] = tuple(shape[2] for _, shape in shapes)
    return found


def assign(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Make tensors the parameters of a model that was built without memory.

    Raises:
        ValueError: If a parameter is missing, or a tensor has no place.
    """
    missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
    if missing or unexpected:
        raise ValueError(
            f'the checkpoint does not fit: it misses {len(missing)} parameters ({missing[:5]}) and '
            f'has {len(unexpected)} that the model has not ({unexpected[:5]})'
        )


def known_arch(info: CheckpointInfo) -> str | dict[str, int]:
    """The size of a file: as it says, or the name of a known one.

    Args:
        info (CheckpointInfo): What it holds.

    Raises:
        ValueError: If it is none of the known ones.
    """
    own = (info.own or {}).get('arch', {})
    if 'num_heads' in own:
        return get_arch(own)
    for name, arch in SAPIENS_ARCHS.items():
        if (arch['embed_dims'], arch['num_layers']) == (info.embed_dims, info.num_layers):
            return name
    raise ValueError(
        f'the file has {info}, which is no known size: give `arch`, a '
        'dictionary with `embed_dims`, `num_layers`, `num_heads` and '
        '`feedforward_channels`'
    )


def trained_size(info: CheckpointInfo, is_task: bool = False) -> tuple[int, int]:
    """Height and width in pixels that a position table was made for.

    Pretrained tables are square, those of the tasks 4 to 3.

    Args:
        info (CheckpointInfo): What the file holds.
        is_task (bool): Whether it must be 4 to 3. Defaults to False.

    Raises:
        ValueError: If its table is neither.
    """
    if info.own and 'img_size' in info.own:
        height, width = info.own['img_size']
        return height, width
    count = info.num_tokens - int(info.has_cls_token)
    side = math.isqrt(count)
    rows = math.isqrt(count * 4 // 3)
    if side * side == count and not is_task:
        grid = side, side
    elif rows * (rows * 3 // 4) == count:
        grid = rows, rows * 3 // 4
    else:
        raise ValueError(
            f'the position table has {count} patches, which is '
            f'{"not" if is_task else "neither a square nor"} 4 to 3: give `img_size`, the height '
            'and width that it was trained for'
        )
    return grid[0] * info.patch_size, grid[1] * info.patch_size


def build_encoder(
    checkpoint: str | Path,
    *,
    device: str | torch.device = 'cpu',
    dtype: torch.dtype = torch.float32,
    arch: str | Mapping[str, int] | None = None,
    patch_padding: int | str | None = None,
    task: str | None = None,
) -> SapiensViT:
    """The encoder of a checkpoint, with its class token if it has one.

    Args:
        checkpoint (str | Path): A pretrained or fine-tuned model, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`.
        device (str | torch.device): Where it runs. Defaults to 'cpu'.
        dtype (torch.dtype): Of its weights. Defaults to float32.
        arch (str | Mapping, optional): Its size. Defaults to None, as the file says.
        patch_padding (int | str, optional): As in :class:`mmsapiens.models.SapiensViT`. Defaults to
            None, that of the released models of the file's task.
        task (str, optional): What the file is for, where it does not say so itself. Defaults to
            None.

    Returns:
        SapiensViT: In evaluation mode; it gives tokens (B, L, D) after the final norm.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no encoder, or one of unknown size.
    """
    path = Path(checkpoint).expanduser()
    content = read_checkpoint(path, 'cpu', mmap=True)
    try:
        file = get_state_dict(content)
        named = None if task is None else facts_of_task(task)
        info = examine(content, named, path, needs_task=patch_padding is None)
        with without_parameter_memory():
            encoder = SapiensViT(
                known_arch(info) if arch is None else arch,
                img_size=trained_size(info),
                patch_size=info.patch_size,
                patch_padding=info.patch_padding if patch_padding is None else patch_padding,
                out_type='raw',
                with_cls_token=info.has_cls_token,
            )
        weights = encoder_state_dict(file)
        fit_encoder(encoder, weights)
        assign(encoder, weights)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    return encoder.to(dtype).to(device).eval().requires_grad_(False)
