"""Converting released checkpoints from file to file."""

from __future__ import annotations

from pathlib import Path

import torch

from .checkpoint import CheckpointInfo, describe, encoder_state_dict, get_state_dict
from .checkpoint_io import read_checkpoint, write_checkpoint

META_KEYS = ('mmengine_version', 'epoch', 'iter')
"""Entries of ``meta`` that are kept."""


def convert_checkpoint(
    source: str | Path,
    target: str | Path,
    encoder_only: bool = False,
    dtype: str | None = None,
    with_hash: bool = True,
    trust_pickle: bool | None = None,
) -> tuple[CheckpointInfo, Path]:
    """Write the weights of a checkpoint to a new file.

    Args:
        source (str | Path): A file of any layout and format.
        target (str | Path): The file to write, ``.safetensors`` or ``.pth``.
        encoder_only (bool): Whether to keep the encoder alone, in the layout of the ``_clean``
            files. Defaults to False.
        dtype (str, optional): Floating-point type of the weights written; None keeps theirs.
            Defaults to None.
        with_hash (bool): Whether the name gets the first eight digits of the file's SHA-256.
            Defaults to True.
        trust_pickle (bool, optional): See :func:`mmsapiens.checkpoints.read_checkpoint`.
            Defaults to None.

    Returns:
        tuple[CheckpointInfo, Path]: What the source holds, and the file written.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the source is damaged or no Sapiens checkpoint, or if the suffix of
            ``target`` is another one.
    """
    checkpoint = read_checkpoint(source, 'cpu', trust_pickle)
    try:
        weights = get_state_dict(checkpoint)
        info = describe(weights)
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from None
    if encoder_only:
        weights = encoder_state_dict(weights)
    if dtype is not None:
        to_type = getattr(torch, dtype)
        weights = {
            key: value.to(to_type) if value.is_floating_point() else value
            for key, value in weights.items()
        }
    meta = checkpoint.get('meta') or {}
    kept = {key: meta[key] for key in META_KEYS if key in meta}
    kept.update(source=Path(source).name, layout=info.layout)
    return info, write_checkpoint(weights, target, kept, with_hash)
