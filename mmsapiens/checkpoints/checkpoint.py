"""Weights of released checkpoints: what a file holds, and what fits where.

Everything here works on state dicts; :mod:`.checkpoint_io` does files. All layouts use the same
parameter names, so that nothing is renamed beyond the leading ``backbone.``:

======================  =====================================================
MAE                     ``backbone.*`` with a class token, and ``neck.*``
clean encoder           the same without ``backbone.`` and without the neck
pose                    ``backbone.*`` and ``head.*``
seg, depth, normal      ``backbone.*`` and ``decode_head.*``
======================  =====================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..models.archs import SAPIENS_ARCHS

BACKBONE = 'backbone.'
HEADS = {'head.': 'final_layer', 'decode_head.': 'conv_seg'}
"""Prefix of a head -> its last convolution."""

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
    'neck.': (
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


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint holds.

    Attributes:
        layout (str): 'mae', 'encoder', 'pose', 'seg', 'depth' or 'normal'. Dense layouts are told
            apart by their output channels: 1 is depth, 3 is normal.
        embed_dims (int): Width D.
        num_layers (int): Depth.
        feedforward_channels (int): Inner width.
        patch_size (int): Side of a patch in pixels.
        num_tokens (int): Rows of the position embedding.
        has_cls_token (bool): Whether there is a class token.
        out_channels (int, optional): Keypoints, classes or channels.
        num_deconvs (int): Transposed convolutions in the head.
    """

    layout: str
    embed_dims: int
    num_layers: int
    feedforward_channels: int
    patch_size: int
    num_tokens: int
    has_cls_token: bool
    out_channels: int | None = None
    num_deconvs: int = 0

    def __str__(self) -> str:
        outputs = {
            'mae': 'with its MAE decoder',
            'encoder': 'without a head',
            'pose': f'with a pose head for {self.out_channels} keypoints',
            'seg': f'with a parsing head for {self.out_channels} classes',
            'depth': 'with a depth head',
            'normal': 'with a normal head',
        }[self.layout]
        return f'{size_in_words(self.embed_dims, self.num_layers)}, {outputs}'


def size_in_words(embed_dims: int, num_layers: int) -> str:
    """Words for a size, with its name if it is a known one."""
    words = f'an encoder of width {embed_dims} with {num_layers} layers'
    for name, arch in SAPIENS_ARCHS.items():
        if (arch['embed_dims'], arch['num_layers']) == (embed_dims, num_layers):
            return f'{words} ({name})'
    return words


def get_state_dict(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint, whatever they are wrapped in.

    Args:
        checkpoint (Mapping[str, Any]): A loaded file: ``state_dict`` and ``meta``, or the weights
            themselves. A leading ``module.``, left by a parallel wrapper, is removed.

    Returns:
        dict[str, Tensor]: Parameter name -> tensor.

    Raises:
        ValueError: If there are no weights in it.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, Mapping):
        raise ValueError(
            '`state_dict` of the checkpoint must be a dict of tensors, but '
            f'it is a {type(weights).__name__}'
        )
    tensors = {key: value for key, value in weights.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(
            'the checkpoint holds no tensors; its keys are '
            f'{sorted(map(str, weights))[:5]}. Use the file with the weights.'
        )
    if all(key.startswith('module.') for key in tensors):
        tensors = {key[len('module.') :]: v for key, v in tensors.items()}
    return tensors


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


STOCK_NORM_MESSAGE = (
    'has batch norms in its head, which makes it a stock head. Sapiens heads '
    'have instance norms without parameters, and the weights of one give '
    'garbage in the other. '
)


def is_bare_encoder(state_dict: Mapping[str, Any]) -> bool:
    """Whether the weights are those of an encoder without a prefix."""
    return 'patch_embed.projection.weight' in state_dict


def is_sapiens(state_dict: Mapping[str, Any]) -> bool:
    """Whether the weights hold a Sapiens encoder, bare or in a model."""
    return is_bare_encoder(state_dict) or (
        f'{BACKBONE}patch_embed.projection.weight' in state_dict
        and f'{BACKBONE}layers.0.attn.qkv.weight' in state_dict
    )


def describe(state_dict: Mapping[str, Tensor]) -> CheckpointInfo:
    """Tell what weights are, and check that every key is a known one.

    Args:
        state_dict (Mapping[str, Tensor]): Weights in a layout of this module.

    Returns:
        CheckpointInfo: The layout and the sizes.

    Raises:
        ValueError: If there is no Sapiens encoder or an incomplete one, if the head is a stock one,
            or if a key is unknown.
    """
    if not is_sapiens(state_dict):
        raise ValueError(
            'the checkpoint holds no Sapiens encoder: '
            '`backbone.patch_embed.projection.weight` is missing, its keys '
            f'are {sorted(state_dict)[:4]} and so on'
        )
    if is_bare_encoder(state_dict):
        state_dict = {BACKBONE + key: v for key, v in state_dict.items()}
    if has_stock_norms(state_dict):
        raise ValueError(
            f'the checkpoint {STOCK_NORM_MESSAGE}Load it into '
            'the stock model that it was trained with.'
        )
    unknown = [key for key in state_dict if not _is_known(key)]
    if unknown:
        raise ValueError(
            f'the checkpoint has {len(unknown)} keys that no Sapiens model '
            f'has: {unknown[:5]}. It was trained with another architecture.'
        )
    projection = state_dict[f'{BACKBONE}patch_embed.projection.weight']
    feedforward_key = f'{BACKBONE}layers.0.ffn.layers.0.0.weight'
    lacking = {feedforward_key, f'{BACKBONE}pos_embed'} - set(state_dict)
    if lacking:
        raise ValueError(
            f'the checkpoint is incomplete, it lacks {sorted(lacking)}. Use the whole file.'
        )
    feedforward = state_dict[feedforward_key]
    layout, out_channels, num_deconvs = _describe_head(state_dict)
    return CheckpointInfo(
        layout=layout,
        embed_dims=projection.shape[0],
        num_layers=count_layers(state_dict, BACKBONE),
        feedforward_channels=feedforward.shape[0],
        patch_size=projection.shape[2],
        num_tokens=state_dict[f'{BACKBONE}pos_embed'].shape[1],
        has_cls_token=f'{BACKBONE}cls_token' in state_dict,
        out_channels=out_channels,
        num_deconvs=num_deconvs,
    )


def _is_known(key: str) -> bool:
    return any(
        key.startswith(prefix) and pattern.fullmatch(key[len(prefix) :])
        for prefix, pattern in _PATTERNS.items()
    )


def count_layers(state_dict: Mapping[str, Any], prefix: str) -> int:
    pattern = re.compile(rf'{re.escape(prefix)}layers\.(\d+)\.')
    indices = {int(m[1]) for m in map(pattern.match, state_dict) if m}
    return max(indices, default=-1) + 1


def _describe_head(state_dict: Mapping[str, Tensor]) -> tuple[str, int | None, int]:
    """Layout, output channels and number of transposed convolutions."""
    for prefix, last in HEADS.items():
        weight = state_dict.get(f'{prefix}{last}.weight')
        if weight is None:
            continue
        deconvs = sum(key.startswith(f'{prefix}deconv_layers.') for key in state_dict)
        channels = weight.shape[0]
        dense = {1: 'depth', 3: 'normal'}.get(channels, 'seg')
        return 'pose' if prefix == 'head.' else dense, channels, deconvs
    is_mae = any(key.startswith('neck.') for key in state_dict)
    return 'mae' if is_mae else 'encoder', None, 0


def encoder_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder alone, in the layout of the ``_clean`` files.

    Args:
        state_dict (Mapping[str, Tensor]): Any layout of this module.

    Returns:
        dict[str, Tensor]: Keys without ``backbone.``; decoder and head are left out.
    """
    if is_bare_encoder(state_dict):
        return dict(state_dict)
    return {
        key[len(BACKBONE) :]: value for key, value in state_dict.items() if key.startswith(BACKBONE)
    }
