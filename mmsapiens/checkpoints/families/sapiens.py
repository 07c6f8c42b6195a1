"""The first Sapiens family: the names in its files, and whether weights fit an encoder.

All layouts use the parameter names of the modules, so that nothing is renamed beyond the leading
``backbone.``:

======================  =====================================================
MAE                     ``backbone.*`` with a class token, and ``neck.*``
clean encoder           the same without ``backbone.`` and without the neck
pose                    ``backbone.*`` and ``head.*``
dense tasks             ``backbone.*`` and ``decode_head.*``
======================  =====================================================
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from torch import Tensor

from ...models import SapiensViT
from ...models.archs import SAPIENS_ARCHS, size_in_words
from ...models.pos_embed import adapt_pos_embed

NAME = SapiensViT.family
ENCODER, ARCHS = SapiensViT, SAPIENS_ARCHS
_PROJECTION = 'patch_embed.projection.weight'
_INNER = 'layers.0.ffn.layers.0.0.weight'

_BLOCK = r'(ln[12]|attn\.(qkv|proj)|ffn\.layers\.(0\.0|1))'
KEYS = re.compile(
    rf'cls_token|pos_embed|(patch_embed\.projection|ln[12]|layers\.\d+\.{_BLOCK})\.(weight|bias)'
)
"""Keys of an encoder."""
OTHERS = re.compile(
    r'neck\.(mask_token|decoder_pos_embed|'
    rf'(decoder_(embed|pred)|ln1|decoder_blocks\.\d+\.{_BLOCK})\.(weight|bias))'
)
"""Keys of the decoder of pretraining."""


def is_encoder(state_dict: Mapping[str, Any], prefix: str = '') -> bool:
    """Whether weights hold an encoder of this family, whose keys start with ``prefix``."""
    keys = (_PROJECTION, 'layers.0.attn.qkv.weight') if prefix else (_PROJECTION,)
    return all(prefix + key in state_dict for key in keys)


def measure(encoder: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the weights of an encoder, without a prefix, say: attributes of a ``CheckpointInfo``."""
    if missing := {_INNER, 'pos_embed'} - set(encoder):
        keys = sorted(f'backbone.{key}' for key in missing)
        raise ValueError(f'the checkpoint is incomplete, it lacks {keys}. Use the whole file.')
    projection = encoder[_PROJECTION]
    return dict(
        embed_dims=projection.shape[0],
        num_layers=_count_layers(encoder, ''),
        feedforward_channels=encoder[_INNER].shape[0],
        patch_size=projection.shape[2],
        num_tokens=encoder['pos_embed'].shape[1],
        has_cls_token='cls_token' in encoder,
    )


def _count_layers(state_dict: Mapping[str, Any], prefix: str) -> int:
    pattern = re.compile(rf'{re.escape(prefix)}layers\.(\d+)\.')
    indices = {int(m[1]) for m in map(pattern.match, state_dict) if m}
    return max(indices, default=-1) + 1


def fit(encoder: SapiensViT, state_dict: MutableMapping[str, Tensor], prefix: str) -> None:
    """Check and adapt, in place, the weights that go into an encoder of this size."""
    projection = state_dict.get(prefix + _PROJECTION)
    # None is a partial update: the caller reports what is missing. ZeRO-3 keeps the weights in
    # files of its own.
    if projection is None or projection.numel() == 0:
        return
    arch = encoder.arch
    theirs = (projection.shape[0], _count_layers(state_dict, prefix))
    ours = (arch['embed_dims'], arch['num_layers'])
    if theirs != ours:
        text = f'the checkpoint holds {size_in_words(*theirs)}, but the model has '
        remedy = 'Set `arch` of the backbone to the size of the checkpoint.'
        raise ValueError(f'{text}{size_in_words(*ours)}. {remedy}')
    pairs = {'patch_size': (projection.shape[2], encoder.patch_embed.patch_size)}
    if (inner := state_dict.get(prefix + _INNER)) is not None:
        pairs['feedforward_channels'] = (inner.shape[0], arch['feedforward_channels'])
    for name, (wanted, got) in pairs.items():
        if wanted != got:
            raise ValueError(f'`{name}` must be that of the checkpoint, {wanted}, but got {got}')
    cls_key, pos_key = f'{prefix}cls_token', f'{prefix}pos_embed'
    with_cls_token = bool(encoder.num_extra_tokens)
    if pos_key in state_dict:
        tokens = dict(file_has_cls_token=cls_key in state_dict, with_cls_token=with_cls_token)
        table = adapt_pos_embed(state_dict[pos_key], encoder.patch_grid, **tokens)
        state_dict[pos_key] = table
    if not with_cls_token:
        state_dict.pop(cls_key, None)
