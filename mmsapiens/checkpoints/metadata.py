"""What a file says about itself: ``meta['mmsapiens']``, plain JSON, in everything we write.

========================  ==================================================================
``version``               of mmsapiens
``family``                of the encoder, such as 'sapiens'
``arch``                  ``embed_dims``, ``num_layers``, ``num_heads``, ``feedforward_channels``
``img_size``              height and width of the input in pixels
``patch_padding``         pixels on each side, or 'corner'; with it other arguments that a family
                          has as ``options``, such as ``rope_dtype``
``mean``, ``std``         of the input, in the order of ``channels``; where they are known
``channels``              of the input, 'rgb' or 'bgr'
``tasks``                 one entry a head: ``head`` (its class), ``field`` ('keypoints' or a row
                          of :mod:`mmsapiens.structures.fields`), ``set`` (of keypoints or classes,
                          or null), ``channels``, and ``output``, names, flips and colors of a set
                          that is not one of ours
========================  ==================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from torch import nn

from ..classes.class_sets import ClassSet, class_set_names, get_class_set, set_of_classes
from ..keypoints import KEYPOINT_SETS, KeypointSet, get_keypoint_set, set_of_dataset
from ..models.archs import get_arch
from ..models.tasks import ALL_TASKS, KINDS, Task, get_task, module_name
from ..structures.fields import FIELDS
from ..version import __version__
from .families import FAMILIES
from .stored_config import stored_config

KEY = 'mmsapiens'
KEYPOINTS = 'keypoints'
"""``field`` of a pose head."""


@dataclass(frozen=True)
class HeadFacts:
    """What a head is for; ``field`` is "keypoints" or a row of :mod:`mmsapiens.structures.fields`,
    and what is None is not known.
    """

    field: str
    set: str | None = None
    channels: int | None = None
    head: str | None = None
    output: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        words = [self.field, self.set, f'{self.channels} channels' if self.channels else None]
        return ', '.join(word for word in words if word)

    def contradicts(self, other: HeadFacts) -> bool:
        """Whether both cannot be about the same head."""
        pairs = ((self.set, other.set), (self.channels, other.channels))
        return self.field != other.field or any(a and b and a != b for a, b in pairs)


def facts_of_task(name: str) -> HeadFacts:
    """The head of a task: a key of :data:`mmsapiens.models.tasks.ALL_TASKS`, a name that starts
    like one, or a field; any other is a KeyError."""
    if name in FIELDS:
        return HeadFacts(name)
    if not name.startswith(KINDS):
        text = f'`task` must be one of {list(ALL_TASKS)}, start with one of {KINDS}'
        raise KeyError(f'{text}, or be one of the fields {list(FIELDS)}, but got {name!r}')
    task = get_task(name)
    return _facts(task, task.channels) if name in ALL_TASKS else HeadFacts(_facts(task).field)


def _facts(task: Task, channels: int | None = None, head: str | None = None) -> HeadFacts:
    output: Any = task.output if task.is_pose or task.is_parsing else None
    own = None
    if isinstance(output, (KeypointSet, ClassSet)):
        output, own = output.name, asdict(output)
    return HeadFacts(KEYPOINTS if task.is_pose else task.field, output, channels, head, own)


def task_of(name: str | None, facts: HeadFacts, tasks: Mapping[str, Task] = ALL_TASKS) -> Task:
    """The row, of those of a family, by what a file says of its head; a KeyError if the field is
    not known."""
    if name is not None and name in tasks:
        return tasks[name]
    for row in tasks.values():
        if name is None and _facts(row) == HeadFacts(facts.field, facts.set):
            return row
    rows = [row for row in tasks.values() if _facts(row).field == facts.field]
    if not rows:
        raise KeyError(f'the field {facts.field!r} is of no task of mmsapiens: give its config')
    row, count = rows[0], facts.channels or 0
    kind = row.name.partition('-')[0]
    output: str | KeypointSet | ClassSet = row.output
    given = {k: _tuples(v) for k, v in (facts.output or {}).items()}
    if row.is_pose:
        known = get_keypoint_set(facts.set) if facts.set in KEYPOINT_SETS else None
        output = KeypointSet(**given) if given else known or set_of_dataset({}, count)
    elif row.is_parsing:
        is_known = facts.set in class_set_names()
        output = ClassSet(**given) if given else str(facts.set)
        output = output if given or is_known else set_of_classes({}, count)
    own_name = f'{kind}-{re.sub(r"[^0-9A-Za-z_-]+", "-", facts.set or "own")}'
    name = name or (own_name if row.is_pose or row.is_parsing else kind)
    return replace(row, name=name, output=output, channels=count, config=())


def _tuples(value: Any) -> Any:
    """Lists of JSON as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def read_facts(meta: Any) -> list[HeadFacts] | None:
    """The heads that ``meta`` of a checkpoint names; None if it says nothing."""
    own = meta.get(KEY) if isinstance(meta, Mapping) else None
    if not isinstance(own, Mapping):
        return None
    names = [each.name for each in fields(HeadFacts)]
    return [HeadFacts(**{n: entry.get(n) for n in names}) for entry in own.get('tasks', ())]


def own_facts(meta: Any) -> Mapping[str, Any] | None:
    """What a file says about itself, but for its heads; None if it does not.

    A file of a training of this package that is older than :data:`KEY` says it in its config.
    """
    if not isinstance(meta, Mapping) or KEY in meta:
        return (meta or {}).get(KEY)
    if theirs := meta.get('transformers'):
        return next(filter(None, (each.own_facts(theirs) for each in FAMILIES.values())), None)
    model = (stored_config(meta) or {}).get('model') or {}
    encoder, colors = model.get('backbone') or {}, model.get('data_preprocessor') or {}
    is_ours = str(encoder.get('type', '')).rpartition('.')[2] == 'SapiensViT'
    if not is_ours or 'arch' not in encoder or not {'mean', 'std', 'bgr_to_rgb'} <= set(colors):
        return None
    size = encoder.get('img_size', (1024, 768))
    return dict(
        family='sapiens',
        arch=get_arch(encoder['arch']),
        img_size=[size, size] if isinstance(size, int) else list(size),
        patch_padding=encoder.get('patch_padding', 'corner'),
        mean=colors['mean'],
        std=colors['std'],
        channels='rgb' if colors['bgr_to_rgb'] else 'bgr',
    )


def heads_of(model: Any, dataset_meta: Mapping[str, Any] | None = None) -> list[HeadFacts]:
    """What the heads of a model are for, as far as they say it."""
    found = []
    for name, single in getattr(model, 'single_models', {}).items():
        found += heads_of(single, (dataset_meta or {}).get(name))
    tasks = getattr(model, 'tasks', {}) if hasattr(model, 'heads') else {}
    for name, task in tasks.items():
        head = model.heads[module_name(name)]
        found.append(_facts(task, head.out_channels, type(head).__name__))
    meta = dataset_meta or {}
    pose: Any = getattr(model, 'head', None)
    dense: Any = getattr(model, 'decode_head', None)
    if hasattr(pose, 'final_layer'):
        which, count = _keypoint_set(meta), pose.out_channels
        keypoints = set_of_dataset(meta, count)
        is_own = keypoints.name not in (*KEYPOINT_SETS, 'keypoints')
        own = asdict(keypoints) if is_own else None
        found.append(HeadFacts(KEYPOINTS, which, count, type(pose).__name__, own))
    field = getattr(dense, 'field', None)
    if isinstance(field, str):
        has_classes = field in FIELDS and FIELDS[field].is_labels
        which = _class_set(tuple(meta.get('classes') or ())) if has_classes else None
        count = dense.out_channels
        own = asdict(set_of_classes(meta, count)) if which == 'others' else None
        found.append(HeadFacts(field, which, count, type(dense).__name__, own))
    return found


def facts_of_training(meta: Any) -> HeadFacts | None:
    """What MMEngine's notes about config and dataset say of a head; None if they do not."""
    noted = (meta or {}).get('dataset_meta') or {}
    if noted.get('keypoint_id2name'):
        return HeadFacts(KEYPOINTS, _keypoint_set(noted))
    head = ((stored_config(meta) or {}).get('model') or {}).get('decode_head') or {}
    kind = str(head.get('type', '')) if isinstance(head, Mapping) else ''
    fields_by_head = {'DepthHead': 'depth_map', 'NormalHead': 'normal_map'}
    if field := fields_by_head.get(kind.rpartition('.')[2]):
        return HeadFacts(field)
    if noted.get('classes'):
        which = _class_set(tuple(noted['classes']))
        return HeadFacts('seg_map', which if which != 'others' else noted.get('dataset_name'))
    return None


def _keypoint_set(meta: Mapping[str, Any]) -> str | None:
    """The set of a dataset: ours of the same keypoints, or else what the dataset calls itself."""
    name = meta.get('dataset_name')
    names = tuple(each for _, each in sorted(meta.get('keypoint_id2name', {}).items()))
    alike = (each for each in KEYPOINT_SETS if get_keypoint_set(each).keypoint_names == names)
    return name if not name or name in KEYPOINT_SETS else next(alike, str(name))


def _class_set(classes: tuple[str, ...]) -> str | None:
    """The set of classes of ours, or 'others'; None if none are known."""
    alike = (name for name in class_set_names() if get_class_set(name).classes == classes)
    return next(alike, 'others') if classes else None


def colors_of(model: Any) -> dict[str, Any]:
    """What a model does to colors, as an ``InputRule`` takes it; empty if that is not known."""
    if rule := getattr(model, 'rule', None):
        return dict(mean=rule.mean, std=rule.std, swap_channels=rule.swap_channels)
    for single in getattr(model, 'single_models', {}).values():
        return colors_of(single)
    preprocessor: Any = getattr(model, 'data_preprocessor', None)
    # The names of mmsegmentation, and of MMEngine.
    found_swaps = (getattr(preprocessor, f'{_}channel_conversion', None) for _ in ('', '_'))
    swaps = next((each for each in found_swaps if each is not None), None)
    if swaps is None:
        return {}
    found: dict[str, Any] = dict(mean=(0.0,) * 3, std=(1.0,) * 3, swap_channels=bool(swaps))
    if preprocessor._enable_normalize:
        for name in ('mean', 'std'):
            found[name] = tuple(getattr(preprocessor, name).flatten().tolist())
    return found


def stated_colors(own: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a file says about itself, in the form of :func:`colors_of`."""
    if not own or 'mean' not in own:
        return {}
    is_rgb = own.get('channels', 'rgb') == 'rgb'
    return dict(mean=tuple(own['mean']), std=tuple(own['std']), swap_channels=is_rgb)


def facts_as_json(facts: HeadFacts) -> dict[str, Any]:
    """An entry of ``tasks``."""
    entry = asdict(facts)
    return entry if entry['output'] else {k: v for k, v in entry.items() if k != 'output'}


def model_metadata(
    model: nn.Module, dataset_meta: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """What goes under ``meta['mmsapiens']`` of a file with the weights of a model.

    Args:
        model (nn.Module): An encoder, or a model with one as ``backbone``.
        dataset_meta (Mapping, optional): Of the dataset in training. Defaults to None.

    Returns:
        dict | None: JSON values; None for a model whose encoder is of no family of ours.
    """
    encoder: Any = getattr(model, 'backbone', model)
    if not hasattr(encoder, 'family'):
        return None
    colors = colors_of(model)
    if colors:
        colors['channels'] = 'rgb' if colors.pop('swap_channels') else 'bgr'
    return dict(
        version=__version__,
        family=encoder.family,
        arch=dict(encoder.arch),
        img_size=list(encoder.img_size),
        **FAMILIES[encoder.family].stated(encoder),
        **colors,
        tasks=[facts_as_json(facts) for facts in heads_of(model, dataset_meta)],
    )
