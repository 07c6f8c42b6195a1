"""Encoders of any checkpoint, pretrained or fine-tuned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..checkpoints import CheckpointInfo, read_checkpoint
from ..checkpoints.contents import examine
from ..engine.build import load_model
from ..models import SAPIENS_ARCHS, SapiensViT

PADDED_LAYOUTS = ('pose', 'normal')
PADDED_CLASSES = 20
"""Classes of LIP and CIHP."""
PADDING = 2


def released_padding(info: CheckpointInfo) -> int | str:
    """Patch padding of the released models of a layout.

    Args:
        info (CheckpointInfo): What a file holds.

    Returns:
        int | str: As :class:`mmsapiens.models.SapiensViT` takes it.
    """
    is_padded = info.layout in PADDED_LAYOUTS or (
        info.layout == 'seg' and info.out_channels == PADDED_CLASSES
    )
    return PADDING if is_padded else 'corner'


def known_arch(info: CheckpointInfo) -> str:
    """Name of the size that a file has.

    Args:
        info (CheckpointInfo): What it holds.

    Raises:
        ValueError: If it is none of the known ones.
    """
    for name, arch in SAPIENS_ARCHS.items():
        if (arch['embed_dims'], arch['num_layers']) == (info.embed_dims, info.num_layers):
            return name
    raise ValueError(
        f'the file has {info}, which is no known size: give `arch`, a '
        'dictionary with `embed_dims`, `num_layers`, `num_heads` and '
        '`feedforward_channels`'
    )


def trained_size(info: CheckpointInfo) -> tuple[int, int]:
    """Height and width in pixels that a position table was made for.

    Pretrained tables are square, those of the tasks 4 to 3.

    Args:
        info (CheckpointInfo): What the file holds.

    Raises:
        ValueError: If its table is neither.
    """
    count = info.num_tokens - int(info.has_cls_token)
    side = math.isqrt(count)
    rows = math.isqrt(count * 4 // 3)
    if side * side == count:
        grid = side, side
    elif rows * (rows * 3 // 4) == count:
        grid = rows, rows * 3 // 4
    else:
        raise ValueError(
            f'the position table has {count} patches, which is neither a square nor 4 to 3'
        )
    return grid[0] * info.patch_size, grid[1] * info.patch_size


def ready_encoder(
    weights: str | Path,
    *,
    device: str = 'cpu',
    dtype: torch.dtype = torch.float32,
    arch: str | Mapping[str, int] | None = None,
    patch_padding: int | str | None = None,
) -> SapiensViT:
    """The encoder of a checkpoint, with its class token if it has one.

    Args:
        weights (str | Path): A pretrained or fine-tuned model, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`.
        device (str): Where it runs. Defaults to 'cpu'.
        dtype (torch.dtype): Of its weights. Defaults to float32.
        arch (str | Mapping, optional): Its size. Defaults to None, as the file says.
        patch_padding (int | str, optional): As in :class:`mmsapiens.models.SapiensViT`. Defaults to
            None, that of the released models of the file's task.

    Returns:
        SapiensViT: In evaluation mode; it gives tokens (B, L, D) after the final norm.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no encoder, or one of unknown size.
    """
    content = read_checkpoint(weights)
    info = examine(content, path=weights, needs_task=patch_padding is None)
    config: dict[str, Any] = dict(
        type='mmsapiens.SapiensViT',
        arch=known_arch(info) if arch is None else arch,
        img_size=trained_size(info),
        patch_size=info.patch_size,
        patch_padding=(released_padding(info) if patch_padding is None else patch_padding),
        out_type='raw',
        with_cls_token=info.has_cls_token,
    )
    model = load_model(config, weights, device, dtype)
    encoder: SapiensViT = model.requires_grad_(False)
    return encoder
