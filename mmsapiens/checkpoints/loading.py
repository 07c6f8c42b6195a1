"""Loading a checkpoint into a model, with a report.

:func:`load_checkpoint` copies into a model as it is. A model that was built
:func:`without_parameter_memory` gets the tensors of the file as its parameters, by
:func:`assign_checkpoint`: nothing is initialized at random, and the system reads what is used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from .checkpoint_io import read_checkpoint
from .contents import CheckpointInfo, encoder_state_dict, examine, family_of, get_state_dict
from .metadata import HeadFacts, facts_of_task, heads_of

logger = logging.getLogger(__name__)


@dataclass
class LoadReport:
    """What happened to each parameter.

    Attributes:
        path (Path): The file.
        content (str): What the file holds, in words.
        loaded (list[str]): Parameters of the model taken from the file.
        resized (list[str]): Those of them that were resized to fit.
        dropped (list[str]): Keys of the file that the model has no use for.
        initialized (list[str]): Parameters that the file does not have and that keep their values.
    """

    path: Path
    content: str
    loaded: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    initialized: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f'{self.path.name}: {self.content}', f'  loaded {len(self.loaded)} parameters']
        for title, keys in (
            ('resized', self.resized),
            ('dropped', self.dropped),
            ('left as initialized', self.initialized),
        ):
            if keys:
                shown = ', '.join(keys[:4]) + (' ...' if keys[4:] else '')
                lines.append(f'  {title}: {len(keys)} ({shown})')
        return '\n'.join(lines)


def load_checkpoint(
    model: nn.Module,
    filename: str | Path,
    map_location: str = 'cpu',
    trust_pickle: bool | None = None,
    task: str | None = None,
) -> LoadReport:
    """Load any released layout into an encoder or a whole model.

    The encoder always comes from the file. A head is loaded if both have one of the same task, is
    left as initialized if the file has none, and is dropped if ``model`` is a bare encoder. What
    the model's head is for, by its class, counts as naming the task of a file that does not say it.

    Args:
        model (nn.Module): A ``SapiensViT``, or a model with one as ``backbone``.
        filename (str | Path): The checkpoint, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`.
        map_location (str): Device that the file is read to. Defaults to 'cpu'.
        trust_pickle (bool, optional): See :func:`mmsapiens.checkpoints.read_checkpoint`.
            Defaults to None.
        task (str, optional): What the head in the file is for, where neither file nor model says
            it; see :func:`mmsapiens.checkpoints.describe`. Defaults to None.

    Returns:
        LoadReport: What was loaded, resized, dropped and left alone; it is logged as well.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or if its weights would be silently wrong: another size,
            an encoder with gaps, a stock head, another number of keypoints or classes, another
            task.
    """
    path = Path(filename).expanduser()
    checkpoint = read_checkpoint(path, map_location, trust_pickle)
    return load_weights(
        model, checkpoint, path, lambda weights: model.load_state_dict(weights, strict=False), task
    )


def load_weights(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    path: Path,
    load: Callable[[dict[str, Tensor]], tuple[list[str], list[str]]],
    task: str | None = None,
) -> LoadReport:
    """Check what was read from a file, load it and report.

    Args:
        model (nn.Module): As in :func:`load_checkpoint`.
        checkpoint (Mapping[str, Any]): Content of the file.
        path (Path): Its name, for messages.
        load (Callable): Puts weights into the model; returns missing and unexpected keys.
        task (str, optional): As in :func:`load_checkpoint`. Defaults to None.

    Returns:
        LoadReport: As of :func:`load_checkpoint`.

    Raises:
        ValueError: Likewise.
    """
    try:
        file, target = get_state_dict(checkpoint), model.state_dict()
        family = family_of(file)
        is_encoder = family.is_bare_encoder(target)
        if not is_encoder and not family.matches(target):
            raise ValueError(
                'the model has no SapiensViT: neither is it one nor has it one as `backbone`'
            )
        prefix = '' if is_encoder else family.BACKBONE
        heads = tuple(head for head in family.HEADS if any(k.startswith(head) for k in target))
        if not is_encoder:
            family.check_head(file, target)
        info = examine(checkpoint, _named(model, task), path, needs_task=bool(heads))
        backbone: Any = model if is_encoder else model.backbone
        check_encoder(backbone, info, bool(heads))
        weights = {prefix + key: v for key, v in encoder_state_dict(file).items()}
        if not is_encoder:
            weights.update(
                (key, value)
                for key, value in file.items()
                if key.startswith((*family.HEADS, family.NECK)) and key in target
            )
        shapes = {key: tuple(value.shape) for key, value in weights.items()}
        family.fit_encoder(backbone, weights, prefix)
        missing, unexpected = load(weights)
        _check_complete(missing, prefix)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    used = {key for key in weights if key in target} - set(unexpected)
    report = LoadReport(
        path=path,
        content=str(info),
        loaded=sorted(used),
        resized=sorted(key for key in used if shapes[key] != tuple(target[key].shape)),
        dropped=sorted(
            key
            for key in file
            if key not in used
            and prefix + key not in used
            and key.removeprefix(family.BACKBONE) not in used
        ),
        initialized=sorted(missing),
    )
    logger.info(report)
    return report


def _named(model: nn.Module, task: str | None) -> HeadFacts | None:
    """What the caller, or else the model, says that the head is for.

    Raises:
        ValueError: If they say different things.
    """
    by_model = next(iter(heads_of(model)), None)
    if task is None:
        return by_model
    named = facts_of_task(task)
    if by_model and by_model.contradicts(named):
        raise ValueError(f'`task` is {task!r}, but the head of the model is for {by_model}')
    return named


def check_encoder(encoder: Any, info: CheckpointInfo, with_head: bool) -> None:
    """Refuse what the file says itself and shapes do not show.

    Raises:
        ValueError: If the numbers of attention heads differ.
    """
    own = info.own or {}
    theirs, ours = own.get('arch', {}).get('num_heads'), encoder.arch['num_heads']
    if theirs and theirs != ours:
        raise ValueError(
            f'`num_heads` of `arch` must be that of the checkpoint, {theirs}, but got {ours}'
        )
    padding = encoder.patch_embed.padding
    if with_head and info.head and own.get('patch_padding', padding) != padding:
        logger.warning(
            'the checkpoint was trained with `patch_padding=%r`, but the model has %r: its results '
            'will be worse',
            own['patch_padding'],
            padding,
        )


def _check_complete(missing: Sequence[str], prefix: str) -> None:
    """Refuse an encoder with gaps.

    A class token may be missing where the position embedding has its row, and the norm ``ln2`` of
    averaged features is in no released file.
    """
    optional = (f'{prefix}cls_token', f'{prefix}ln2.')
    lacking = [key for key in missing if key.startswith(prefix) and not key.startswith(optional)]
    if lacking:
        raise ValueError(
            f'the checkpoint is incomplete, it lacks {len(lacking)} '
            f'parameters of the encoder: {lacking[:5]}. Use the whole file.'
        )


@contextmanager
def without_parameter_memory() -> Iterator[None]:
    """Parameters of modules built inside are on the meta device.

    Their initialization costs nothing. Buffers, and everything that is built in other threads, are
    not touched.
    """
    thread = threading.get_ident()

    def move(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or threading.get_ident() != thread:
            return None
        return nn.Parameter(parameter.to('meta'), requires_grad=parameter.requires_grad)

    handle = register_module_parameter_registration_hook(move)
    try:
        yield
    finally:
        handle.remove()


def assign_checkpoint(
    model: nn.Module,
    checkpoint: str | Path,
    dtype: torch.dtype | None = None,
    trust_pickle: bool | None = None,
    task: str | None = None,
) -> LoadReport:
    """Make the tensors of a checkpoint the parameters of a model.

    Args:
        model (nn.Module): Built :func:`without_parameter_memory`.
        checkpoint (str | Path): See :func:`load_checkpoint`.
        dtype (torch.dtype, optional): Of the parameters. Defaults to None, that of the model.
        trust_pickle (bool, optional): See :func:`load_checkpoint`. Defaults to None.
        task (str, optional): Likewise.

    Returns:
        LoadReport: What was loaded, resized and dropped.

    Raises:
        ValueError: If the file does not fit, or lacks a parameter.
    """
    path = Path(checkpoint).expanduser()
    content = read_checkpoint(path, 'cpu', trust_pickle, mmap=True)
    dtypes = {name: dtype or parameter.dtype for name, parameter in model.named_parameters()}

    def assign(weights: dict[str, Tensor]) -> Any:
        weights = {
            name: tensor.to(dtypes.get(name, tensor.dtype)) for name, tensor in weights.items()
        }
        return model.load_state_dict(weights, strict=False, assign=True)

    report = load_weights(model, content, path, assign, task)
    lacking = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if lacking:
        raise ValueError(
            f'{path}: the checkpoint ({report.content}) lacks '
            f'{len(lacking)} parameters of the model: {lacking[:5]}. Use the '
            'checkpoint of the whole model, or build the model, initialize '
            'it and call `load_checkpoint`.'
        )
    return report
