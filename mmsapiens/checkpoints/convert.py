"""Converting released checkpoints from file to file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..version import __version__
from .checkpoint_io import read_checkpoint, write_checkpoint
from .contents import CheckpointInfo, beside_encoder, examine, get_state_dict
from .families import FAMILIES, encoder_state_dict
from .metadata import KEY, facts_as_json, facts_of_task

META_KEYS = ('mmengine_version', 'epoch', 'iter', 'cfg', 'dataset_meta')
"""Entries of ``meta`` that are kept."""


def convert_checkpoint(
    source: str | Path,
    target: str | Path,
    encoder_only: bool = False,
    dtype: str | None = None,
    with_hash: bool = True,
    trust_pickle: bool | None = None,
    task: str | None = None,
) -> tuple[CheckpointInfo, Path]:
    """Write the weights of a checkpoint to a new file.

    Args:
        source (str | Path): A file of any layout and format.
        target (str | Path): The file to write, ``.safetensors`` or ``.pth``.
        encoder_only (bool): Whether to keep the encoder alone, as the ``_clean`` files are.
        dtype (str, optional): Floating-point type of the weights written; None keeps theirs.
        with_hash (bool): Whether the name gets the first eight digits of the file's SHA-256.
        trust_pickle (bool, optional): See :func:`mmsapiens.checkpoints.read_checkpoint`.
        task (str, optional): What the head is for, where the source does not say it; see
            :func:`mmsapiens.checkpoints.describe`.

    Returns:
        tuple[CheckpointInfo, Path]: What the source holds, and the file written.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the source is damaged or no Sapiens checkpoint, if its task cannot be
            told, or if the suffix of ``target`` is another one.
    """
    checkpoint = read_checkpoint(source, 'cpu', trust_pickle)
    try:
        weights = get_state_dict(checkpoint)
        named = None if task is None else facts_of_task(task)
        info = examine(checkpoint, named, source, known=beside_encoder(weights))
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from None
    if encoder_only:
        weights = encoder_state_dict(weights)
    if dtype is not None:
        to_type = getattr(torch, dtype)
        floats = {key: v.to(to_type) for key, v in weights.items() if v.is_floating_point()}
        weights = weights | floats
    meta = checkpoint.get('meta') or {}
    kept = {key: _plain(meta[key]) for key in META_KEYS if key in meta}
    if encoder_only:
        kept.pop('cfg', None)
    kept.update(source=Path(source).name, layout=info.layout)
    kept[KEY] = _metadata(info, encoder_only)
    return info, write_checkpoint(weights, target, kept, with_hash)


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(each) for each in value]
    return value.tolist() if hasattr(value, 'tolist') else value


def _metadata(info: CheckpointInfo, encoder_only: bool) -> dict[str, Any]:
    """What the new file says about itself: what the source says, or what is known of it."""
    own = dict(info.own or {}, version=__version__, family=info.family)
    if arch := FAMILIES[info.family].arch_of(info):
        own['arch'] = arch
    if info.facts and not own.get('tasks'):
        own['tasks'] = [facts_as_json(replace(info.facts, channels=info.out_channels))]
    if encoder_only or not info.head:
        own['tasks'] = []
    return own
