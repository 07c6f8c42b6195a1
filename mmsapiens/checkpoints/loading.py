"""Loading a checkpoint into a model, with a report."""

import logging
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from .checkpoint_io import read_checkpoint
from .contents import CheckpointInfo, beside_encoder, examine, get_state_dict
from .families import BACKBONE, FAMILIES, encoder_state_dict, family_of, find_family, fit_encoder
from .heads import check_heads, check_same_weights, split_heads
from .metadata import HeadFacts, colors_of, facts_of_task, heads_of, stated_colors

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
        groups = {'dropped': self.dropped, 'left as initialized': self.initialized}
        for title, keys in {'resized': self.resized, **groups}.items():
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
    dtype: torch.dtype | None = None,
) -> LoadReport:
    """Load any released layout into an encoder or a whole model.

    The encoder always comes from the file. A head is loaded if both have one of the same task, left
    as initialized if the file has none, and dropped if ``model`` is a bare encoder. The model's
    head names the task of a file that does not say it. A model that was built
    :func:`without_parameter_memory` gets the tensors of the file as its parameters, and must find
    all of them there.

    Args:
        model (nn.Module): A ``SapiensViT``, or a model with one as ``backbone``.
        filename (str | Path): The checkpoint, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`.
        map_location (str): Device that the file is read to. Defaults to 'cpu'.
        trust_pickle (bool, optional): See :func:`mmsapiens.checkpoints.read_checkpoint`.
        task (str, optional): What the head in the file is for, where neither file nor model says
            it; see :func:`mmsapiens.checkpoints.describe`.
        dtype (torch.dtype, optional): Of the parameters of a model without memory. Defaults to
            None, as it was built.

    Returns:
        LoadReport: What was loaded, resized, dropped and left alone; it is logged as well.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or if its weights would be silently wrong: another size,
            an encoder with gaps, a stock head, another number of keypoints or classes or task.
    """
    path = Path(filename).expanduser()
    is_empty = any(parameter.is_meta for parameter in model.parameters())
    checkpoint = read_checkpoint(path, map_location, trust_pickle, mmap=is_empty)
    try:
        file, target = get_state_dict(checkpoint), model.state_dict()
        encoder: Any = model if hasattr(model, 'family') else getattr(model, 'backbone', None)
        prefix = '' if encoder is model else BACKBONE
        if not hasattr(encoder, 'family') or not find_family(target):
            return _load_others(model, checkpoint, path, dtype)
        family, heads = family_of(file), split_heads(target)
        if encoder.family != family.name:
            text = f'the checkpoint has an encoder of the family {family.name!r}'
            remedy = f'Use the file of that, or {family.encoder.__name__}.'
            raise ValueError(f'{text}, but the model has one of {encoder.family!r}. {remedy}')
        check_heads(file, target)
        # What is beside a bare encoder in a file is of no interest.
        known = target if prefix else beside_encoder(file)
        info = examine(checkpoint, _named(model, task), path, bool(heads), known)
        if heads and info.head:
            _warn_of_differences(model, encoder, info)
        weights = {prefix + key: v for key, v in encoder_state_dict(file).items()}
        if prefix:
            others = {key: v for key, v in file.items() if not key.startswith(prefix)}
            weights.update((key, v) for key, v in others.items() if key in target)
        shapes = {key: tuple(value.shape) for key, value in weights.items()}
        missing, unexpected = fill(model, encoder, weights, info, prefix, dtype)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    used = {key for key in weights if key in target} - set(unexpected)
    resized = sorted(key for key in used if shapes[key] != tuple(target[key].shape))
    names = {key: {key, prefix + key, key.removeprefix(BACKBONE)} for key in file}
    dropped = sorted(key for key in file if not used & names[key])
    report = LoadReport(path, str(info), sorted(used), resized, dropped, sorted(missing))
    logger.info(report)
    return report


def _load_others(
    model: nn.Module, checkpoint: Mapping[str, Any], path: Path, dtype: torch.dtype | None
) -> LoadReport:
    """Load a model with another encoder, of which the file must have all weights and no others."""
    file = get_state_dict(checkpoint)
    try:
        check_same_weights(file, model.state_dict())
    except ValueError as error:
        text = 'the model has no SapiensViT: neither is it one nor has it one as `backbone`'
        raise ValueError(f'{text}; and {error}') from None
    _assign(model, file, dtype)
    report = LoadReport(path, f'all weights of {type(model).__name__}', sorted(file))
    logger.info(report)
    return report


def _named(model: nn.Module, task: str | None) -> HeadFacts | None:
    """What the caller, or else the model, says that the head is for."""
    by_model = next(iter(heads_of(model)), None)
    if task is None:
        return by_model
    named = facts_of_task(task)
    if by_model and by_model.contradicts(named):
        raise ValueError(f'`task` is {task!r}, but the head of the model is for {by_model}')
    return named


def _warn_of_differences(model: nn.Module, encoder: Any, info: CheckpointInfo) -> None:
    """Say so if a model sees images in another way than the file was trained with."""
    theirs, ours = stated_colors(info.own), colors_of(model)
    differ = [key for key in theirs if ours and not np.allclose(theirs[key], ours[key])]
    stated = FAMILIES[info.family].stated(encoder)
    differ += [key for key, value in info.options.items() if value != stated[key]]
    theirs, ours = theirs | info.options, ours | stated
    if differ:
        trained, has = ({key: values[key] for key in differ} for values in (theirs, ours))
        text = f'the checkpoint was trained with {trained}, but the model has {has}'
        logger.warning('%s: its results will be worse', text)


@contextmanager
def without_parameter_memory() -> Iterator[None]:
    """Modules built inside, in this thread, have parameters on the meta device: none is drawn."""
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


def _assign(
    model: nn.Module, weights: Mapping[str, Tensor], dtype: torch.dtype | None = None
) -> tuple[list[str], list[str]]:
    """Copy weights; to a model without memory they are given as they are."""
    empty = {name for name, parameter in model.named_parameters() if parameter.is_meta}
    if empty:
        kinds = {name: value.dtype for name, value in model.state_dict().items()}
        kinds |= dict.fromkeys(empty, dtype) if dtype else {}
        weights = {k: v.to(kinds.get(k, v.dtype)) for k, v in weights.items()}
    missing, unexpected = model.load_state_dict(weights, strict=False, assign=bool(empty))
    return missing, unexpected


def check_stated_encoder(encoder: Any, own: Mapping[str, Any] | None) -> None:
    """Refuse an encoder that differs from what a file says of its own, where shapes do not show."""
    theirs = (own or {}).get('arch', {}).get('num_heads')
    if theirs and theirs != (ours := encoder.arch.get('num_heads')):
        text = f'`num_heads` of `arch` must be that of the checkpoint, {theirs}'
        raise ValueError(f'{text}, but got {ours}')


def fill(
    model: nn.Module,
    encoder: Any,
    weights: MutableMapping[str, Tensor],
    info: CheckpointInfo,
    prefix: str = '',
    dtype: torch.dtype | None = None,
) -> tuple[list[str], list[str]]:
    """Load checked weights into a model whose encoder has names with ``prefix``; no parameter may
    be left without memory. Returns missing and unexpected keys.
    """
    check_stated_encoder(encoder, info.own)
    fit_encoder(encoder, weights, prefix)
    missing, unexpected = _assign(model, weights, dtype)
    optional = tuple(prefix + start for start in FAMILIES[encoder.family].optional)
    gaps = [key for key in missing if key.startswith(prefix) and not key.startswith(optional)]
    if gaps:
        text = f'the checkpoint is incomplete, it lacks {len(gaps)} parameters of the encoder'
        raise ValueError(f'{text}: {gaps[:5]}. Use the whole file.')
    if gaps := [name for name, parameter in model.named_parameters() if parameter.is_meta]:
        text = f'the checkpoint ({info}) lacks {len(gaps)} parameters of the model: {gaps[:5]}'
        remedy = 'Use that of the whole model, or initialize the model and call `load_checkpoint`.'
        raise ValueError(f'{text}. {remedy}')
    return missing, unexpected
