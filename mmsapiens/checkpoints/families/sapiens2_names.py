"""The second generation: the three sets of names in its files.

Meta's, with or without the rounded periods of the rotation, and those of transformers, whose
``save_pretrained`` writes either. Ours are Meta's, but for heads of poses, which are ``head.*``
with ``final_layer``, as everywhere in this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

from ...models.sapiens2_vit import rope_periods
from .family import BACKBONE, count_layers

PERIODS = 'rope_embed.periods'
WIDTH = 'blocks.0.attn.q_norm.weight'
"""As wide as a head."""
_THEIRS = 'model.'
"""What the names of the encoder in a model of transformers start with."""
_PATCHES = 'embeddings.patch_embeddings.weight'

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


def from_meta(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under our names, from Meta's without periods."""
    if 'decode_head.conv_pose.weight' not in weights:
        return dict(weights)
    return {
        re.sub(r'^decode_head\.', 'head.', key.replace('conv_pose', 'final_layer')): value
        for key, value in weights.items()
    }


def is_of_transformers(weights: Mapping[str, Tensor]) -> bool:
    """Whether weights have the names of transformers."""
    return any(prefix + _PATCHES in weights for prefix in ('', _THEIRS))


def to_meta(weights: Mapping[str, Tensor], with_periods: bool = False) -> dict[str, Tensor]:
    """Weights of ours under Meta's names; ``with_periods`` of the rotation as their files."""
    found = {
        re.sub(r'^head\.(final_layer)?', _pose_name, key): value for key, value in weights.items()
    }
    if with_periods:
        prefix = BACKBONE if BACKBONE + WIDTH in weights else ''
        width = weights[prefix + WIDTH].shape[0]
        found[f'{prefix}{PERIODS}'] = rope_periods(width, torch.bfloat16)
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
            bare = key.removeprefix(BACKBONE)
            name = _renamed(bare, _ENCODER_NAMES, True)
            name = name and (_THEIRS if key.startswith(BACKBONE) else '') + name
        if name is None:
            raise ValueError(f'transformers has nothing for `{key}`, so the file would be wrong')
        if '.gate_proj.' in name:
            found[name], found[name.replace('gate_proj', 'up_proj')] = (
                half.clone() for half in value.chunk(2)
            )
        else:
            found[name] = value
    # The last of the scale's layers has another name.
    last = f'block{count_layers(found, _SCALE_BLOCK) - 1}.layers.0.'
    return {key.replace(f'predictor.{last}', 'predictor.proj.'): v for key, v in found.items()}


def from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under Meta's names."""
    found: dict[str, Tensor] = {}
    unknown = []
    names = _HEAD_NAMES
    if 'decode_head.input_conv.convolution.weight' in weights:
        names = {k: v for k, v in names.items() if not k.startswith('deconv')}
    in_model = _THEIRS + _PATCHES in weights
    blocks = count_layers(weights, _SCALE_BLOCK)
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
            prefix = BACKBONE if in_model else ''
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
        steps = count_layers(weights, r'decode_head\.upsample_layers\.(\d+)\.')
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
