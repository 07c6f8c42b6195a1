"""``--cfg-options``: settings of a config as they were typed, and which of them nothing reads."""

import argparse
import ast
import inspect
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner

from ..core.formatting import shorten

READ = {
    *inspect.signature(Runner.__init__).parameters,
    *('runner_type', 'strategy', 'model_wrapper_cfg', 'find_unused_parameters', 'sync_bn'),
    *('compile', 'efficient_conv_bn_eval', 'tta_model', 'tta_pipeline', 'activation_checkpointing'),
} - {'self', 'cfg'}
"""What runners read of a config; its other names are variables, which it has copied by then."""
NOT_TRAINED = {'test_dataloader', 'test_cfg', 'test_evaluator'}
"""Of these, what a training does not read."""
NOT_VALIDATED = {'val_dataloader', 'val_cfg', 'val_evaluator'}
"""Likewise a training without validation."""
NOT_TESTED = {'auto_scale_lr', 'load_from', 'optim_wrapper', 'param_scheduler', 'resume'}
NOT_TESTED |= {'train_dataloader', 'train_cfg', *NOT_VALIDATED}
"""Likewise an evaluation."""
WORDS = {'None': None, 'true': True, 'True': True, 'TRUE': True}
WORDS |= {'false': False, 'False': False, 'FALSE': False}
_NUMBER = re.compile(r'[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|nan)')
_CLOSING = {'[': ']', '(': ')', '{': '}'}


def add_options(parser: argparse.ArgumentParser, name: str = '--cfg-options') -> None:
    """Give a tool the option."""
    parser.add_argument(
        name,
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='settings that override the config, such as train_dataloader.batch_size=4 or '
        'optim_wrapper.optimizer.betas=(0.9,0.95); text stays as it is',
    )


def set_options(cfg: Config, words: Sequence[str], not_read: set[str] | None = None) -> None:
    """Put KEY=VALUE words into a config, or raise a ValueError; tell what nothing will read.
    ``not_read`` are names of :data:`READ`. A value is a number, true, false or None; a list or
    tuple in brackets, or with commas where the old value is one; or text, as it is."""
    before = Config(cfg.to_dict())
    for word in words:
        key, sign, text = word.partition('=')
        if not sign or not key.strip('.'):
            raise ValueError(
                f'`--cfg-options` takes KEY=VALUE, but got {word!r}; values with spaces need '
                "quotes for the shell: 'KEY=a value'"
            )
        old = _value_at(cfg, key)
        cfg.merge_from_dict({key: parse_value(text, old)})
    for key in dict.fromkeys(word.partition('=')[0] for word in words):
        if (reason := _why_not_read(before, key, not_read or set())) is not None:
            print_log(f'`--cfg-options {key}`: {reason}', 'current', logging.WARNING)


def parse_value(text: str, old: Any = None) -> Any:
    """A value from its text; ``old`` is the one that it replaces."""
    short = text.strip()
    if short[:1] in ('"', "'", '{'):
        try:
            value = ast.literal_eval(short)
        except (SyntaxError, ValueError):
            return text
        return value if isinstance(value, (str, dict)) else text
    if short[:1] in ('[', '('):
        parts = _split(short[1:-1]) if short[-1] == _CLOSING[short[0]] else None
        if parts is None:
            return text
        values = [parse_value(part.strip()) for part in parts]
        return values if short[0] == '[' else tuple(values)
    if short in WORDS:
        return WORDS[short]
    if _NUMBER.fullmatch(short):
        return int(short) if short.lstrip('+-').isdigit() else float(short)
    if isinstance(old, (list, tuple)) and ',' in text and (parts := _split(text)) is not None:
        return type(old)(parse_value(part.strip()) for part in parts)
    return text


def _split(text: str) -> list[str] | None:
    """The parts between commas that are in no brackets or quotes, None if those do not match."""
    parts, opened, quote = [''], [], ''
    for letter in text:
        if quote:
            quote = '' if letter == quote else quote
        elif letter in '"\'' and not parts[-1].strip():
            quote = letter
        elif letter in _CLOSING:
            opened.append(_CLOSING[letter])
        elif letter in _CLOSING.values():
            if not opened or opened.pop() != letter:
                return None
        elif letter == ',' and not opened:
            parts.append('')
            continue
        parts[-1] += letter
    if opened or quote:
        return None
    return parts if parts[-1].strip() else parts[:-1]


def _value_at(cfg: Any, key: str) -> Any:
    """What a key leads to, None if there is nothing yet."""
    value = cfg
    for depth, name in enumerate(key.split('.')):
        if isinstance(value, (list, tuple)) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, (Config, Mapping)) or value is None:
            value = None if value is None else value.get(name)
        else:
            where = '.'.join(key.split('.')[:depth])
            length = f', {len(value)} long' if isinstance(value, (list, tuple)) else ''
            raise ValueError(
                f'`--cfg-options {key}`: {where} is of type {type(value).__name__}{length}, which '
                f'has no {name!r}'
            )
    return value


def _why_not_read(cfg: Config, key: str, not_read: set[str]) -> str | None:
    """Why an option changes nothing, with those that would; None if it changes something."""
    top, _, rest = key.partition('.')
    if top in not_read:
        return f'changes nothing: {top} is not read here'
    if top in READ:
        return None
    if top not in cfg:
        near = get_close_matches(top, READ, 1, 0.8)
        return f'changes nothing: no runner reads it{f"; is {near[0]} meant?" if near else ""}'
    tail = f'.{rest}' if rest else ''
    used = [place + tail for place in _places(cfg, cfg[top]) if place.partition('.')[0] in READ]
    if not used and (old := _value_at(cfg, key)) != cfg[top]:
        used = [place for place in _places(cfg, old) if place.partition('.')[0] in READ]
    instead = f'; set what was copied from it: {shorten(used)}' if used else ''
    return f'changes nothing, unless code of yours reads it: {top} is a variable{instead}'


def _places(value: Any, wanted: Any, path: str = '') -> Iterator[str]:
    """Keys of what equals a value that is telling, or is text that starts with it."""
    if path and type(value) is type(wanted):
        is_text = isinstance(wanted, str)
        if len(wanted) > 2 and value.startswith(wanted) if is_text else value == wanted:
            yield path
            return
    if isinstance(value, (Config, Mapping)):
        for name, part in value.items():
            yield from _places(part, wanted, f'{path}.{name}' if path else str(name))
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from _places(part, wanted, f'{path}.{index}')
