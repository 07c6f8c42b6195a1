"""Whether weights fit a model, and making them fit.

What would be silently wrong is refused here: another size, a stock head, another number of
keypoints or classes, another task.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from torch import Tensor

from ..models import SapiensViT
from ..models.layers.pos_embed import adapt_pos_embed
from .checkpoint import (
    HEADS,
    STOCK_NORM_MESSAGE,
    count_layers,
    encoder_state_dict,
    has_stock_norms,
    is_bare_encoder,
    is_sapiens,
    size_in_words,
)

_OUR_HEADS = {
    'head.': "`head=dict(type='mmsapiens.InstanceNormHeatmapHead', ...)`",
    'decode_head.': 'the `decode_head` of ours for the task (such as '
    "`type='mmsapiens.ParsingHead'`)",
}


def fit_encoder(
    state_dict: MutableMapping[str, Tensor],
    prefix: str,
    *,
    arch: Mapping[str, int],
    patch_size: int,
    patch_grid: tuple[int, int],
    with_cls_token: bool,
) -> None:
    """Check and adapt, in place, the weights that go into an encoder.

    With an empty ``prefix`` the encoder of a whole model is found as well.

    Args:
        state_dict (MutableMapping[str, Tensor]): Weights.
        prefix (str): What the encoder's keys start with.
        arch (Mapping[str, int]): ``embed_dims``, ``num_layers`` and ``feedforward_channels`` of the
            model.
        patch_size (int): Patch side of the model in pixels.
        patch_grid (tuple[int, int]): Patch rows and columns of the model.
        with_cls_token (bool): Whether the model has a class token.

    Raises:
        ValueError: If the weights are of another size, or are no encoder.
    """
    if not prefix and state_dict and not is_bare_encoder(state_dict):
        if not is_sapiens(state_dict):
            raise ValueError(
                'the checkpoint has no weights for SapiensViT; its keys are '
                f'{sorted(state_dict)[:4]} and so on'
            )
        encoder = encoder_state_dict(state_dict)
        state_dict.clear()
        state_dict.update(encoder)
    projection = state_dict.get(f'{prefix}patch_embed.projection.weight')
    if projection is None:  # a partial update: the caller reports what lacks
        return
    if projection.numel() == 0:  # ZeRO-3 keeps the weights in files of its own
        return
    _check_encoder_size(state_dict, prefix, arch, patch_size)
    cls_key, pos_key = f'{prefix}cls_token', f'{prefix}pos_embed'
    if pos_key in state_dict:
        state_dict[pos_key] = adapt_pos_embed(
            state_dict[pos_key],
            patch_grid,
            file_has_cls_token=cls_key in state_dict,
            with_cls_token=with_cls_token,
        )
    if not with_cls_token:
        state_dict.pop(cls_key, None)


def fit_backbone(
    encoder: SapiensViT, state_dict: MutableMapping[str, Tensor], prefix: str = ''
) -> None:
    """:func:`fit_encoder` for a module."""
    fit_encoder(
        state_dict,
        prefix,
        arch=encoder.arch,
        patch_size=encoder.patch_embed.patch_size,
        patch_grid=encoder.patch_grid,
        with_cls_token=bool(encoder.num_extra_tokens),
    )


def _check_encoder_size(
    state_dict: Mapping[str, Tensor], prefix: str, arch: Mapping[str, int], patch_size: int
) -> None:
    projection = state_dict[f'{prefix}patch_embed.projection.weight']
    num_layers = count_layers(state_dict, prefix)
    theirs = (projection.shape[0], num_layers)
    ours = (arch['embed_dims'], arch['num_layers'])
    if theirs != ours:
        raise ValueError(
            f'the checkpoint holds {size_in_words(*theirs)}, but the '
            f'model has {size_in_words(*ours)}. Set `arch` of the '
            'backbone to the size of the checkpoint.'
        )
    inner = state_dict.get(f'{prefix}layers.0.ffn.layers.0.0.weight')
    if inner is not None and inner.shape[0] != arch['feedforward_channels']:
        raise ValueError(
            '`feedforward_channels` must be that of the checkpoint, '
            f'{inner.shape[0]}, but got {arch["feedforward_channels"]}'
        )
    if projection.shape[2] != patch_size:
        raise ValueError(
            '`patch_size` must be that of the checkpoint, '
            f'{projection.shape[2]}, but got {patch_size}'
        )


def check_head(file: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Refuse a head whose weights would be silently wrong in a model.

    Args:
        file (Mapping[str, Any]): Weights of a checkpoint.
        model (Mapping[str, Any]): ``state_dict()`` of the model.

    Raises:
        ValueError: If exactly one of the two has a stock head with batch norms, if they solve
            different tasks, or if they differ in keypoints, classes or the depth of the head.
    """
    for prefix, last in HEADS.items():
        in_file = any(key.startswith(prefix) for key in file)
        if not in_file:
            continue
        others = [p for p in HEADS if p != prefix]
        in_model = any(key.startswith(prefix) for key in model)
        if not in_model:
            if any(key.startswith(tuple(others)) for key in model):
                raise ValueError(
                    f'the checkpoint has the head of another task (`{prefix}'
                    f'*`, the model has `{others[0]}*`). To start from its '
                    'encoder, extract that with `tools/convert_checkpoint.py '
                    '--encoder-only` and give the result to the backbone as '
                    "`init_cfg=dict(type='Pretrained', checkpoint=...)`."
                )
            continue
        _check_norms(file, model, prefix)
        _check_channels(file, model, prefix, last)


def _check_norms(file: Mapping[str, Any], model: Mapping[str, Any], prefix: str) -> None:
    if has_stock_norms(file, prefix) and not has_stock_norms(model, prefix):
        raise ValueError(
            f'the checkpoint {STOCK_NORM_MESSAGE}Load it into '
            'the stock model that it was trained with.'
        )
    if has_stock_norms(model, prefix) and not has_stock_norms(file, prefix):
        raise ValueError(
            f'the model {STOCK_NORM_MESSAGE}Use {_OUR_HEADS[prefix]}, or the '
            'config of the checkpoint.'
        )


def _check_channels(
    file: Mapping[str, Any], model: Mapping[str, Any], prefix: str, last: str
) -> None:
    key = f'{prefix}{last}.weight'
    if key in file and key in model:
        theirs, ours = file[key].shape[0], model[key].shape[0]
        if theirs != ours:
            unit = 'keypoints' if prefix == 'head.' else 'output channels'
            raise ValueError(
                f'the checkpoint was trained for {theirs} {unit}, but the '
                f'model has {ours}. Use the config of the checkpoint, or '
                'start from its encoder (`tools/convert_checkpoint.py '
                '--encoder-only`).'
            )
    for name in ('deconv_layers', 'conv_layers'):
        start = f'{prefix}{name}.'
        theirs_, ours_ = (
            {k: tuple(v.shape) for k, v in state.items() if k.startswith(start)}
            for state in (file, model)
        )
        if theirs_ != ours_:
            raise ValueError(
                f'`{prefix}{name}` of the checkpoint and of the model differ: '
                f'{theirs_} and {ours_}. Use the config of the checkpoint.'
            )
