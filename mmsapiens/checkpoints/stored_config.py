"""The config that a training of MMEngine leaves in its checkpoints, read without running code."""

import ast
import re
from collections.abc import Mapping
from typing import Any

_TYPE = re.compile(
    r'(?:(mmsapiens|mmpose|mmseg|mmcv|mmdet|mmpretrain)\.(?:[a-z_]\w*\.)*)?([A-Z]\w*)'
)
_CALLS = {'dict': dict, 'list': list, 'tuple': tuple, 'set': set, 'float': float}


def stored_config(meta: Any) -> dict[str, Any] | None:
    """The literals of the config under ``meta['cfg']``, as plain dicts and lists, or None."""
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    if not isinstance(text, str):
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, RecursionError):
        return None
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = _value(node.value)
            except (ValueError, TypeError):
                continue
    return found if 'model' in found else None


def with_registered_types(value: Any) -> Any:
    """A config whose types are registered classes, ``scope.Name``; any other is a ValueError."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(with_registered_types, value))
    if not isinstance(value, Mapping):
        return value
    found = {key: with_registered_types(each) for key, each in value.items()}
    if 'type' in found:
        match = _TYPE.fullmatch(str(found['type']))
        if match is None:
            text = f'the config in the checkpoint names {found["type"]!r}, which is no class of a '
            remedy = 'If you trust its origin, give the config (`configs`, `--config`).'
            raise ValueError(f'{text}registry, so it is not run. {remedy}')
        found['type'] = '.'.join(part for part in match.groups() if part)
    return found


def is_of_our_rule(config: Mapping[str, Any]) -> bool:
    """Whether a model of a config sees images, and is decoded, as one that is built without it."""
    model = config['model']
    if isinstance(several := model.get('models'), Mapping):  # of tasks that share an encoder
        loaders = config.get('test_dataloader') or {}
        singles = ((one, loaders.get(name)) for name, one in several.items())
        return all(is_of_our_rule(dict(model=m, test_dataloader=one)) for m, one in singles)
    head = model.get('head') or model.get('decode_head') or {}
    names = {_name(step): step for step in _test_steps(config)}
    codec = head.get('decoder') or {}
    return (
        _name(head) in ('InstanceNormHeatmapHead', 'ParsingHead', 'DepthHead', 'NormalHead')
        and _name(codec) in ('', 'BatchedUDPHeatmap')
        and codec.get('blur_kernel_size', 11) == 11
        and codec.get('border', 'fit') == 'fit'
        and names.get('TopdownAffine', {}).get('use_udp', True)
        and names.get('GetBBoxCenterScale', {}).get('padding', 1.25) == 1.25
        and not names.get('Resize', {}).get('keep_ratio')
        and not (model.get('test_cfg') or {}).get('resize_once')
        and not (model.get('test_cfg') or {}).get('shift_heatmap')
        and not model.get('neck')
    )


def _test_steps(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    dataset = (config.get('test_dataloader') or {}).get('dataset') or {}
    return [*(config.get('test_pipeline') or ()), *(dataset.get('pipeline') or ())]


def _name(config: Mapping[str, Any]) -> str:
    return str(config.get('type', '')).rpartition('.')[2]


def _value(node: ast.AST) -> Any:
    """The value of an expression of literals and of calls such as ``dict(a=1)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        pairs = {str(each.arg): _value(each.value) for each in node.keywords}
        return _CALLS[node.func.id](*map(_value, node.args), **pairs)
    if isinstance(node, ast.Dict):
        return {_value(k): _value(v) for k, v in zip(node.keys, node.values) if k is not None}
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        values = map(_value, node.elts)
        return {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)](values)
    return ast.literal_eval(node)
