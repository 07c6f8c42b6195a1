"""The first Sapiens family: the names in its files, and whether weights fit a model.

All layouts use the parameter names of the modules, so that nothing is renamed beyond the leading
``backbone.``:

======================  =====================================================
MAE                     ``backbone.*`` with a class token, and ``neck.*``
clean encoder           the same without ``backbone.`` and without the neck
pose                    ``backbone.*`` and ``head.*``
dense tasks             ``backbone.*`` and ``decode_head.*``
======================  =====================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from torch import Tensor

from ...models import SapiensViT
from ...models.archs import SAPIENS_ARCHS
from ...models.layers.pos_embed import adapt_pos_embed

NAME = 'sapiens'
BACKBONE = 'backbone.'
HEADS = {'head.': 'final_layer', 'decode_head.': 'conv_seg'}
"""Prefix of a head -> its last convolution."""
NECK = 'neck.'
_PROJECTION = 'patch_embed.projection.weight'
_INNER = 'layers.0.ffn.layers.0.0.weight'

_ENDS = r'\.(weight|bias)'
_TRUNK = (r'deconv_layers\.\d+\.weight', rf'conv_layers\.\d+{_ENDS}')
KEY_PATTERNS: dict[str, tuple[str, ...]] = {
    BACKBONE: (
        'cls_token',
        'pos_embed',
        rf'patch_embed\.projection{_ENDS}',
        rf'layers\.\d+\.ln[12]{_ENDS}',
        rf'layers\.\d+\.attn\.(qkv|proj){_ENDS}',
        rf'layers\.\d+\.ffn\.layers\.(0\.0|1){_ENDS}',
        rf'ln[12]{_ENDS}',
    ),
    NECK: (
        'mask_token',
        'decoder_pos_embed',
        rf'decoder_(embed|pred){_ENDS}',
        rf'decoder_blocks\.\d+\.ln[12]{_ENDS}',
        rf'decoder_blocks\.\d+\.attn\.(qkv|proj){_ENDS}',
        rf'decoder_blocks\.\d+\.ffn\.layers\.(0\.0|1){_ENDS}',
        rf'ln1{_ENDS}',
    ),
    'head.': (*_TRUNK, rf'final_layer{_ENDS}'),
    'decode_head.': (*_TRUNK, rf'conv_seg{_ENDS}'),
}
"""Prefix -> patterns of the keys that may follow it."""

_PATTERNS = {
    prefix: re.compile('|'.join(f'(?:{pattern})' for pattern in patterns))
    for prefix, patterns in KEY_PATTERNS.items()
}
_NORM_KEY = re.compile(
    r'(?:.*\.)?(?:deconv|conv)_layers\.(\d+)\.'
    r'(?:weight|bias|running_mean|running_var|num_batches_tracked)'
)
_CONV_EVERY = 3  # convolution, norm, activation


_STOCK_NORMS = (
    'has batch norms in its head, which makes it a stock head. Sapiens heads '
    'have instance norms without parameters, and the weights of one give '
    'garbage in the other. '
)
_STOCK_MODEL = 'Load it into the stock model that it was trained with.'
_OUR_HEADS = {
    'head.': "`head=dict(type='mmsapiens.InstanceNormHeatmapHead', ...)`",
    'decode_head.': 'the `decode_head` of ours for the task (such as '
    "`type='mmsapiens.ParsingHead'`)",
}


def matches(state_dict: Mapping[str, Any]) -> bool:
    """Whether weights hold an encoder of this family, bare or in a model."""
    return is_bare_encoder(state_dict) or (
        BACKBONE + _PROJECTION in state_dict and f'{BACKBONE}layers.0.attn.qkv.weight' in state_dict
    )


def is_bare_encoder(state_dict: Mapping[str, Any]) -> bool:
    """Whether the weights are those of an encoder without a prefix."""
    return _PROJECTION in state_dict


def has_stock_norms(state_dict: Mapping[str, Any], prefix: str = '') -> bool:
    """Whether a head has norm layers with parameters, as stock heads do.

    Args:
        state_dict (Mapping[str, Any]): Weights.
        prefix (str): Only keys that start with it count. Defaults to ''.
    """
    for key in state_dict:
        match = _NORM_KEY.fullmatch(key) if key.startswith(prefix) else None
        if match and int(match[1]) % _CONV_EVERY == 1:
            return True
    return False


def size_in_words(embed_dims: int, num_layers: int) -> str:
    """Words for a size, with its name if it is a known one."""
    words = f'an encoder of width {embed_dims} with {num_layers} layers'
    for name, arch in SAPIENS_ARCHS.items():
        if (arch['embed_dims'], arch['num_layers']) == (embed_dims, num_layers):
            return f'{words} ({name})'
    return words


def encoder_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder alone, in the layout of the ``_clean`` files.

    Args:
        state_dict (Mapping[str, Tensor]): Any layout.

    Returns:
        dict[str, Tensor]: Keys without ``backbone.``; decoder and head are left out.
    """
    if is_bare_encoder(state_dict):
        return dict(state_dict)
    return {
        key[len(BACKBONE) :]: value for key, value in state_dict.items() if key.startswith(BACKBONE)
    }


def measure(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """What names and shapes of weights say for certain; every key must be a known one.

    Args:
        state_dict (Mapping[str, Tensor]): Any layout.

    Returns:
        dict[str, Any]: Attributes of :class:`mmsapiens.checkpoints.CheckpointInfo`.

    Raises:
        ValueError: If the encoder is incomplete, if the head is a stock one, or if a key is
            unknown.
    """
    if is_bare_encoder(state_dict):
        state_dict = {BACKBONE + key: v for key, v in state_dict.items()}
    if has_stock_norms(state_dict):
        raise ValueError(f'the checkpoint {_STOCK_NORMS}{_STOCK_MODEL}')
    unknown = [key for key in state_dict if not _is_known(key)]
    if unknown:
        raise ValueError(
            f'the checkpoint has {len(unknown)} keys that no Sapiens model '
            f'has: {unknown[:5]}. It was trained with another architecture.'
        )
    missing = {BACKBONE + _INNER, f'{BACKBONE}pos_embed'} - set(state_dict)
    if missing:
        raise ValueError(
            f'the checkpoint is incomplete, it lacks {sorted(missing)}. Use the whole file.'
        )
    projection = state_dict[BACKBONE + _PROJECTION]
    facts: dict[str, Any] = dict(
        embed_dims=projection.shape[0],
        num_layers=count_layers(state_dict, BACKBONE),
        feedforward_channels=state_dict[BACKBONE + _INNER].shape[0],
        patch_size=projection.shape[2],
        num_tokens=state_dict[f'{BACKBONE}pos_embed'].shape[1],
        has_cls_token=f'{BACKBONE}cls_token' in state_dict,
        has_decoder=any(key.startswith(NECK) for key in state_dict),
    )
    for prefix, last in HEADS.items():
        weight = state_dict.get(f'{prefix}{last}.weight')
        if weight is not None:
            facts.update(head=prefix, out_channels=weight.shape[0])
            break
    return facts


def _is_known(key: str) -> bool:
    return any(
        key.startswith(prefix) and pattern.fullmatch(key[len(prefix) :])
        for prefix, pattern in _PATTERNS.items()
    )


def count_layers(state_dict: Mapping[str, Any], prefix: str) -> int:
    """Blocks of the encoder whose keys start with ``prefix``."""
    pattern = re.compile(rf'{re.escape(prefix)}layers\.(\d+)\.')
    indices = {int(m[1]) for m in map(pattern.match, state_dict) if m}
    return max(indices, default=-1) + 1


def fit_encoder(
    encoder: SapiensViT, state_dict: MutableMapping[str, Tensor], prefix: str = ''
) -> None:
    """Check and adapt, in place, the weights that go into an encoder.

    With an empty ``prefix`` the encoder of a whole model is found as well.

    Args:
        encoder (SapiensViT): The encoder; not changed.
        state_dict (MutableMapping[str, Tensor]): Weights.
        prefix (str): What the encoder's keys start with. Defaults to ''.

    Raises:
        ValueError: If the weights are of another size, or are no encoder.
    """
    if not prefix and state_dict and not is_bare_encoder(state_dict):
        if not matches(state_dict):
            raise ValueError(
                'the checkpoint has no weights for SapiensViT; its keys are '
                f'{sorted(state_dict)[:4]} and so on'
            )
        bare = encoder_state_dict(state_dict)
        state_dict.clear()
        state_dict.update(bare)
    projection = state_dict.get(prefix + _PROJECTION)
    if projection is None:  # a partial update: the caller reports what is missing
        return
    if projection.numel() == 0:  # ZeRO-3 keeps the weights in files of its own
        return
    _check_size(encoder, state_dict, prefix)
    cls_key, pos_key = f'{prefix}cls_token', f'{prefix}pos_embed'
    with_cls_token = bool(encoder.num_extra_tokens)
    if pos_key in state_dict:
        state_dict[pos_key] = adapt_pos_embed(
            state_dict[pos_key],
            encoder.patch_grid,
            file_has_cls_token=cls_key in state_dict,
            with_cls_token=with_cls_token,
        )
    if not with_cls_token:
        state_dict.pop(cls_key, None)


def _check_size(encoder: SapiensViT, state_dict: Mapping[str, Tensor], prefix: str) -> None:
    projection, arch = state_dict[prefix + _PROJECTION], encoder.arch
    theirs = (projection.shape[0], count_layers(state_dict, prefix))
    ours = (arch['embed_dims'], arch['num_layers'])
    if theirs != ours:
        raise ValueError(
            f'the checkpoint holds {size_in_words(*theirs)}, but the '
            f'model has {size_in_words(*ours)}. Set `arch` of the '
            'backbone to the size of the checkpoint.'
        )
    inner = state_dict.get(prefix + _INNER)
    pairs = {'patch_size': (projection.shape[2], encoder.patch_embed.patch_size)}
    if inner is not None:
        pairs['feedforward_channels'] = (inner.shape[0], arch['feedforward_channels'])
    for name, (in_file, in_model) in pairs.items():
        if in_file != in_model:
            raise ValueError(
                f'`{name}` must be that of the checkpoint, {in_file}, but got {in_model}'
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
        raise ValueError(f'the checkpoint {_STOCK_NORMS}{_STOCK_MODEL}')
    if has_stock_norms(model, prefix) and not has_stock_norms(file, prefix):
        raise ValueError(
            f'the model {_STOCK_NORMS}Use {_OUR_HEADS[prefix]}, or the config of the checkpoint.'
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
