"""Heads in weights, the same for every family: ``head.*`` (poses) or ``decode_head.*`` in a file of
one task, ``heads.TASK.*`` in one of several.
"""

import re
from collections.abc import Mapping
from typing import Any

from ..models.heads import HEADS, UpsamplingHead

NAMES = ('head', 'decode_head')
"""Heads of files of one task: of poses, and of maps."""
LASTS = {head.last: head for head in HEADS.values()}
"""Last convolution -> head; those with the same one have the same trunk."""
SEVERAL = 'heads.'
"""What the name of a head in a model with several starts with."""
_HEAD = re.compile(r'(head|decode_head|heads\.[^.]+)\.(.+)')
_TRUNK_KEYS = re.compile('|'.join(sorted({head.keys for head in HEADS.values()})))
_LAST_KEYS = re.compile(rf'({"|".join(LASTS)})\.(weight|bias)')
_NORM_KEY = re.compile(
    r'(?:deconv|conv)_layers\.(\d+)\.(?:weight|bias|running_mean|running_var|num_batches_tracked)'
)
_CONV_EVERY = 3  # convolution, norm, activation
_STOCK_NORMS = (
    'has batch norms in its head, which makes it a stock head. Sapiens heads have instance norms '
    'without parameters, and the weights of one give garbage in the other. '
)
STOCK_FILE = f'the checkpoint {_STOCK_NORMS}Load it into the stock model that it was trained with.'
_OUR_HEADS = {
    'head': "`head=dict(type='mmsapiens.InstanceNormHeatmapHead', ...)`",
    'decode_head': "our `decode_head` for the task (such as `type='mmsapiens.ParsingHead'`)",
}


def split_heads(state_dict: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The heads in weights: 'head', 'decode_head' or 'heads.TASK' -> weights without that."""
    heads: dict[str, dict[str, Any]] = {}
    for key, value in state_dict.items():
        if match := _HEAD.fullmatch(key):
            heads.setdefault(match[1], {})[match[2]] = value
    return heads


def last_weight(head: Mapping[str, Any]) -> Any:
    """The weight of the last convolution of a head, whose rows are its channels, or None."""
    return next((head[key] for last in LASTS if (key := f'{last}.weight') in head), None)


def is_known(key: str) -> bool:
    """Whether a head of this package may have a key."""
    return bool(_TRUNK_KEYS.fullmatch(key) or _LAST_KEYS.fullmatch(key))


def kind_of(head: Mapping[str, Any]) -> type[UpsamplingHead]:
    """The class of the head that weights are of, or one with the same trunk."""
    return next((kind for last, kind in LASTS.items() if f'{last}.weight' in head), UpsamplingHead)


def has_stock_norms(head: Mapping[str, Any]) -> bool:
    """Whether a head has norm layers with parameters, as stock heads do."""
    matches = (_NORM_KEY.fullmatch(key) for key in head)
    return any(match and int(match[1]) % _CONV_EVERY == 1 for match in matches)


def check_heads(file: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Refuse heads in the weights of a file that would be silently wrong in those of a model."""
    ours = split_heads(model)
    for name, head in split_heads(file).items():
        if name in ours:
            check_head(head, ours[name], name)
        elif ours:
            raise ValueError(
                f'the checkpoint has the head of another task (`{name}.*`, the model has '
                f'`{next(iter(ours))}.*`). To start from its encoder, give that '
                '(`tools/convert_checkpoint.py --encoder-only`) to `init_cfg` of the backbone.'
            )


def check_head(file: Mapping[str, Any], model: Mapping[str, Any], name: str) -> None:
    """:func:`check_heads` for the weights of one head, without its name."""
    if has_stock_norms(model) and not has_stock_norms(file):
        remedy = f'Use {_OUR_HEADS[name]}, or the config of the checkpoint.'
        raise ValueError(f'the model {_STOCK_NORMS}{remedy}')
    if has_stock_norms(file) and not has_stock_norms(model):
        raise ValueError(STOCK_FILE)
    if (is_for := kind_of(file).only_for) != (wanted := kind_of(model).only_for):
        raise ValueError(
            f'the checkpoint has a head for {is_for or "another task"}, but the model has one for '
            f'{wanted or "another task"}'
        )
    theirs, ours = last_weight(file), last_weight(model)
    if theirs is not None and ours is not None and theirs.shape[0] != ours.shape[0]:
        unit = 'keypoints' if 'final_layer.weight' in file else 'output channels'
        text = f'the checkpoint was trained for {theirs.shape[0]} {unit}, but the model has '
        remedy = 'or start from its encoder (`tools/convert_checkpoint.py --encoder-only`).'
        raise ValueError(f'{text}{ours.shape[0]}. Use the config of the checkpoint, {remedy}')
    trunk = filter(_TRUNK_KEYS.fullmatch, (*model, *file))
    for layers in dict.fromkeys(key.partition('.')[0] for key in trunk):
        in_file, in_model = (
            {f'{name}.{k}': tuple(v.shape) for k, v in head.items() if k.startswith(f'{layers}.')}
            for head in (file, model)
        )
        if in_file != in_model:
            text = f'`{name}.{layers}` of the checkpoint and of the model differ: {in_file} and '
            raise ValueError(f'{text}{in_model}. Use the config of the checkpoint.')


def check_same_weights(file: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Refuse weights of a file that are not those of a model by name and shape."""
    theirs, ours = (
        {k: tuple(v.shape) for k, v in some.items() if not k.endswith('num_batches_tracked')}
        for some in (file, model)
    )
    common = [key for key in theirs if key in ours and theirs[key] != ours[key]]
    shapes = [f'{key} {theirs[key]} instead of {ours[key]}' for key in common]
    found = {
        'are missing in it': [key for key in ours if key not in theirs],
        'are unknown to the model': [key for key in theirs if key not in ours],
        'have another shape': shapes,
    }
    words = [f'{len(keys)} {what}: {keys[:5]}' for what, keys in found.items() if keys]
    if words:
        text = 'the weights of the checkpoint and of the model differ, so it was trained with '
        text += f'another config; {"; ".join(words)}. Use the config of the checkpoint.'
        raise ValueError(text)


def check_loaded(
    state_dict: Mapping[str, Any], prefix: str, model: Mapping[str, Any], name: str
) -> None:
    """:func:`check_head` of what is about to be loaded into a head, if anything is."""
    file = {k.removeprefix(prefix): v for k, v in state_dict.items() if k.startswith(prefix)}
    if file:
        check_head(file, model, name)
