"""The second generation: the names in its files, and whether weights fit an encoder.

Names come in three sets: Meta's, with or without the rounded periods of the rotation, and those of
transformers, whose ``save_pretrained`` writes either. Ours are Meta's, but for heads of poses,
which are ``head.*`` with ``final_layer``, as everywhere in this package. :func:`to_ours`,
:func:`to_meta` and :func:`to_transformers` rename.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ...models import Sapiens2ViT
from ...models.archs import SAPIENS2_ARCHS, size_in_words
from ...models.sapiens2_vit import kv_heads_of, rope_periods

NAME = Sapiens2ViT.family
ENCODER, ARCHS = Sapiens2ViT, SAPIENS2_ARCHS
_PROJECTION = 'patch_embed.projection.weight'
_QUERY, _WIDTH = 'blocks.0.attn.wq.weight', 'blocks.0.attn.q_norm.weight'
_INNER = 'blocks.0.ffn.w3.weight'
_PERIODS = 'rope_embed.periods'
_PREFIX, _THEIRS = 'backbone.', 'model.'
"""What the names of the encoder in a model start with, here and in transformers."""

_LINEAR = r'(attn\.(wq|wk|wv|proj)|ffn\.(w12|w3))\.(weight|bias)|ln[12]\.weight'
KEYS = re.compile(
    r'cls_token|storage_tokens|patch_embed\.projection\.(weight|bias)|ln[12]\.weight|'
    rf'blocks\.\d+\.({_LINEAR}|attn\.(q_norm|k_norm|gamma)\.weight)|'
    rf'tokenizer\.(w_cls|local_pos_embed|blocks\.\d+\.({_LINEAR}))'
)
"""Keys of an encoder."""
OTHERS = re.compile('(?!)')
"""No key: pretraining was not released."""

_ENCODER_NAMES = {
    'cls_token': 'embeddings.cls_token',
    'storage_tokens': 'embeddings.register_tokens',
    'patch_embed.projection.*': 'embeddings.patch_embeddings.*',
    'ln1.*': 'norm.*',
    'blocks.#.ln1.*': 'model.layer.#.norm1.*',
    'blocks.#.ln2.*': 'model.layer.#.norm2.*',
    'blocks.#.attn.wq.*': 'model.layer.#.attention.q_proj.*',
    'blocks.#.attn.wk.*': 'model.layer.#.attention.k_proj.*',
    'blocks.#.attn.wv.*': 'model.layer.#.attention.v_proj.*',
    'blocks.#.attn.q_norm.*': 'model.layer.#.attention.q_norm.*',
    'blocks.#.attn.k_norm.*': 'model.layer.#.attention.k_norm.*',
    'blocks.#.attn.proj.*': 'model.layer.#.attention.o_proj.*',
    'blocks.#.attn.gamma.weight': 'model.layer.#.layer_scale1.lambda1',
    'blocks.#.ffn.w12.*': 'model.layer.#.mlp.gate_proj.*',  # and up_proj, its second half
    'blocks.#.ffn.w3.*': 'model.layer.#.mlp.down_proj.*',
}
_HEAD_NAMES = {
    'deconv_layers.#.*': 'decode_head.upsample_layers.#.convolution.*',
    'input_conv.0.*': 'decode_head.input_conv.convolution.*',
    'upsample_blocks.#.0.*': 'decode_head.upsample_layers.#.convolution.*',
    'conv_layers.#.*': 'decode_head.conv_layers.#.convolution.*',
    'scale_conv_layers.#.*': 'scale_head.conv_layers.#.convolution.*',
    'scale_final_layer.#.*': 'scale_head.predictor.block#.layers.0.*',
}
_NUMBERS = {
    'deconv_layers': (3, 0),
    'conv_layers': (3, 0),
    'scale_conv_layers': (3, 0),
    'scale_final_layer': (2, -1),
}
"""Factor and summand from a number in transformers to Meta's."""
_SCALE_BLOCK = r'scale_head\.predictor\.block(\d+)\.'
_CONVS = ('pose', 'seg', 'normal', 'pointmap', 'matting')


def is_encoder(state_dict: Mapping[str, Any], prefix: str = '') -> bool:
    """Whether weights hold an encoder of this family, whose keys start with ``prefix``."""
    return {prefix + _PROJECTION, prefix + _QUERY} <= state_dict.keys()


def measure(encoder: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the weights of an encoder, without a prefix, say: attributes of a ``CheckpointInfo``."""
    if missing := {_WIDTH, _INNER} - set(encoder):
        keys = sorted(f'backbone.{key}' for key in missing)
        raise ValueError(f'the checkpoint is incomplete, it lacks {keys}. Use the whole file.')
    projection = encoder[_PROJECTION]
    dims = projection.shape[0]
    arch = dict(
        embed_dims=dims,
        num_layers=_count(encoder, r'blocks\.(\d+)\.'),
        num_heads=dims // encoder[_WIDTH].shape[0],
        feedforward_channels=encoder[_INNER].shape[1],
    )
    if layers := _count(encoder, r'tokenizer\.blocks\.(\d+)\.'):
        arch['num_tokenizer_layers'] = layers
    return dict(
        {k: arch[k] for k in ('embed_dims', 'num_layers', 'feedforward_channels')},
        patch_size=projection.shape[2],
        num_tokens=0,
        has_cls_token=True,
        arch=arch,
    )


def _count(keys: Mapping[str, Any], pattern: str) -> int:
    return max((int(m[1]) for m in map(re.compile(pattern).match, keys) if m), default=-1) + 1


def fit(encoder: Sapiens2ViT, state_dict: MutableMapping[str, Tensor], prefix: str) -> None:
    """Check, in place, the weights that go into an encoder of this size."""
    _drop_periods(state_dict, prefix)
    bare = {k.removeprefix(prefix): v for k, v in state_dict.items() if k.startswith(prefix)}
    projection = bare.get(_PROJECTION)
    # None is a partial update: the caller reports what is missing. ZeRO-3 keeps the weights in
    # files of its own.
    if projection is None or projection.numel() == 0 or not {_WIDTH, _INNER} <= bare.keys():
        return
    info = measure(bare)
    theirs, ours = info['arch'], encoder.arch
    sizes = [(each['embed_dims'], each['num_layers']) for each in (theirs, ours)]
    if sizes[0] != sizes[1]:
        words = [size_in_words(*size, ARCHS) for size in sizes]
        raise ValueError(
            f'the checkpoint holds {words[0]}, but the model has {words[1]}. Set `arch` of the '
            'backbone to the size of the checkpoint.'
        )
    pairs: dict[str, Any] = {'patch_size': (info['patch_size'], encoder.patch_embed.patch_size)}
    for name in ('num_heads', 'feedforward_channels', 'num_tokenizer_layers'):
        pairs[name] = theirs.get(name), ours.get(name)
    for name, (wanted, got) in pairs.items():
        if wanted != got:
            raise ValueError(f'`{name}` must be that of the checkpoint, {wanted}, but got {got}')
    width = bare[_WIDTH].shape[0]
    for index in range(ours['num_layers']):
        key, wanted = f'blocks.{index}.attn.wk.weight', width * kv_heads_of(ours, index)
        if key in bare and bare[key].shape[0] != wanted:
            raise ValueError(
                f'`{prefix}{key}` must have {wanted} rows, but the checkpoint has '
                f'{bare[key].shape[0]}: its layers share keys among heads in another way'
            )


def _drop_periods(state_dict: MutableMapping[str, Tensor], prefix: str) -> None:
    """Remove the rounded periods, which are computed anew; other ones are refused."""
    stored = state_dict.pop(prefix + _PERIODS, None)
    if stored is None:
        return
    periods = rope_periods(4 * stored.numel(), torch.float32)
    if not torch.allclose(stored.float().cpu(), periods, rtol=0.01):
        raise ValueError(
            f'`{prefix}{_PERIODS}` of the checkpoint are {stored.float().tolist()[:4]} and so on, '
            f'but those of Sapiens2 are {periods.tolist()[:4]}: it was trained with another '
            'rotation of the heads'
        )


def to_ours(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Weights under our names, from any of the three sets; others are given back as they are.

    Raises:
        ValueError: If what a head is for cannot be told, halves of a layer are missing, or the
            rotation is another one.
    """
    if any(f'{prefix}embeddings.patch_embeddings.weight' in weights for prefix in ('', _THEIRS)):
        weights = _from_transformers(weights)
    prefix = next((each for each in (_PREFIX, '') if is_encoder(weights, each)), None)
    if prefix is None:
        return weights
    weights = dict(weights)
    _drop_periods(weights, prefix)
    if 'decode_head.conv_pose.weight' in weights:
        return {
            re.sub(r'^decode_head\.', 'head.', key.replace('conv_pose', 'final_layer')): value
            for key, value in weights.items()
        }
    return weights


def to_meta(weights: Mapping[str, Tensor], with_periods: bool = False) -> dict[str, Tensor]:
    """Weights of ours under Meta's names; ``with_periods`` of the rotation as their files."""
    found = {
        re.sub(r'^head\.(final_layer)?', _pose_name, key): value for key, value in weights.items()
    }
    if with_periods:
        prefix = _PREFIX if is_encoder(weights, _PREFIX) else ''
        width = weights[prefix + _WIDTH].shape[0]
        found[f'{prefix}{_PERIODS}'] = rope_periods(width, torch.bfloat16)
    return found


def _pose_name(match: re.Match[str]) -> str:
    return 'decode_head.' + ('conv_pose' if match[1] else '')


def to_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of ours under the names of transformers, which has no albedo and no tokenizer."""
    found: dict[str, Tensor] = {}
    for key, value in to_meta(weights).items():
        if key.startswith('decode_head.'):
            name = _renamed(key.removeprefix('decode_head.'), _HEAD_NAMES, True)
        else:
            bare = key.removeprefix(_PREFIX)
            name = _renamed(bare, _ENCODER_NAMES, True)
            name = name and (_THEIRS if key.startswith(_PREFIX) else '') + name
        if name is None:
            raise ValueError(f'transformers has nothing for `{key}`, so the file would be wrong')
        if '.gate_proj.' in name:
            found[name], found[name.replace('gate_proj', 'up_proj')] = (
                half.clone() for half in value.chunk(2)
            )
        else:
            found[name] = value
    # The last of the scale's layers has another name.
    last = f'block{_count(found, _SCALE_BLOCK) - 1}.layers.0.'
    return {key.replace(f'predictor.{last}', 'predictor.proj.'): v for key, v in found.items()}


def _from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under Meta's names."""
    found: dict[str, Tensor] = {}
    unknown = []
    names = _HEAD_NAMES
    if 'decode_head.input_conv.convolution.weight' in weights:
        names = {k: v for k, v in names.items() if not k.startswith('deconv')}
    in_model = f'{_THEIRS}embeddings.patch_embeddings.weight' in weights
    blocks = _count(weights, _SCALE_BLOCK)
    for key, value in weights.items():
        if '.up_proj.' in key:
            continue  # goes with the gate
        name: str | None
        prefix = 'decode_head.'
        if key.startswith('decode_head.predictor.'):
            name = f'conv_{_kind_of(weights)}.{key.rpartition(".")[2]}'
        elif key.startswith(('decode_head.', 'scale_head.')):
            last = f'scale_head.predictor.block{blocks}.layers.0.'
            name = _renamed(key.replace('scale_head.predictor.proj.', last), names, False)
        else:
            name = _renamed(key.removeprefix(_THEIRS) if in_model else key, _ENCODER_NAMES, False)
            prefix = _PREFIX if in_model else ''
        if '.gate_proj.' in key:
            other = key.replace('gate_proj', 'up_proj')
            if other not in weights:
                raise ValueError(f'the checkpoint has `{key}`, but lacks `{other}`')
            value = torch.cat([value, weights[other]])
        if name is None:
            unknown.append(key)
        else:
            found[prefix + name] = value
    if unknown:
        raise ValueError(f'the checkpoint has names that transformers does not give: {unknown[:5]}')
    return found


def _kind_of(weights: Mapping[str, Tensor]) -> str:
    """Which of Meta's heads one of transformers is: their last layers all have one name."""
    channels = weights['decode_head.predictor.weight'].shape[0]
    if 'decode_head.input_conv.convolution.weight' not in weights:
        # Poses are predicted at a quarter of the input, classes at all of it.
        steps = _count(weights, r'decode_head\.upsample_layers\.(\d+)\.')
        return 'pose' if steps == 2 else 'seg'
    if any(key.startswith('scale_head.') for key in weights):
        return 'pointmap'
    kinds = {3: 'normal', 4: 'matting'}
    if channels not in kinds:
        raise ValueError(f'transformers has no Sapiens2 head with {channels} channels for maps')
    return kinds[channels]


@cache
def _pattern(name: str) -> re.Pattern[str]:
    parts = re.escape(name).replace(re.escape('#'), r'(?P<number>\d+)')
    return re.compile(parts.replace(re.escape('*'), '(?P<kind>weight|bias)'))


def _renamed(key: str, names: Mapping[str, str], is_ours: bool) -> str | None:
    """A key in the other set of names; None if it has none."""
    if is_ours and key.startswith('conv_') and key.split('.')[0][5:] in _CONVS:
        return f'decode_head.predictor.{key.partition(".")[2]}'
    for pair in names.items():
        source, target = pair if is_ours else pair[::-1]
        if match := _pattern(source).fullmatch(key):
            groups = match.groupdict()
            if number := groups.get('number'):
                factor, summand = _NUMBERS.get(pair[0].partition('.')[0], (1, 0))
                value = int(number)
                value = (value - summand) // factor if is_ours else value * factor + summand
                target = target.replace('#', str(value))
            return target.replace('*', groups.get('kind') or '')
    return None
