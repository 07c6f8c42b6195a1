"""What a checkpoint holds: as it says itself, as its release says, or as its shapes tell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.file_type import sha256_of
from ..models.archs import size_in_words
from ..models.tasks import ALL_TASKS
from .checkpoint_io import read_checkpoint
from .families import BACKBONE, FAMILIES, encoder_state_dict, family_of, find_family, with_our_names
from .heads import (
    NAMES,
    SEVERAL,
    STOCK_FILE,
    check_same_weights,
    has_stock_norms,
    is_known,
    kind_of,
    last_weight,
    split_heads,
)
from .metadata import (
    KEYPOINTS,
    HeadFacts,
    facts_of_task,
    facts_of_training,
    heads_of,
    own_facts,
    read_facts,
    task_of,
)

LAYOUTS = {KEYPOINTS: 'pose', 'seg_map': 'seg', 'depth_map': 'depth', 'normal_map': 'normal'}
"""Field of a head -> layout of its file; a field of one's own is its own layout."""


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint holds.

    Attributes:
        arch (Mapping[str, int]): Size of the encoder, as far as shapes tell it.
        patch_size (int): Side of a patch in pixels.
        num_tokens (int): Rows of the position embedding, if there is one.
        has_cls_token (bool): Whether there is a class token.
        family (str): Of the encoder.
        has_decoder (bool): Whether there is the decoder of pretraining.
        head (str, optional): 'head' of poses or 'decode_head'; None without a head.
        out_channels (int, optional): Keypoints, classes or channels.
        tasks (tuple[str, ...]): Of a model with several heads; nothing else is told of these.
        facts (HeadFacts, optional): What the head is for; None without a head.
        own (Mapping): What the file says itself, see :mod:`.metadata`; empty if nothing.
    """

    arch: Mapping[str, int]
    patch_size: int
    num_tokens: int
    has_cls_token: bool
    family: str = 'sapiens'
    has_decoder: bool = False
    head: str | None = None
    out_channels: int | None = None
    tasks: tuple[str, ...] = ()
    facts: HeadFacts | None = None
    own: Mapping[str, Any] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the encoder that are stated in the file, but for its size."""
        own = self.own or {}
        return {key: own[key] for key in FAMILIES[self.family].options if key in own}

    @property
    def layout(self) -> str:
        """'mae', 'encoder', 'pose', 'seg', 'depth', 'normal', or the field of another task."""
        if self.facts is None:
            return 'mae' if self.has_decoder else 'encoder'
        return LAYOUTS.get(self.facts.field, self.facts.field)

    @property
    def patch_padding(self) -> int | str:
        """As the file says, or that of the released models of its task."""
        family = FAMILIES[self.family]
        if self.facts is None or 'patch_padding' in self.options:
            return self.options.get('patch_padding', family.patch_padding)
        facts = replace(self.facts, channels=self.out_channels)
        rows = {facts_of_task(name): task for name, task in family.tasks.items()}
        same = [task for each, task in rows.items() if not each.contradicts(facts)]
        alike = [task for each, task in rows.items() if each.field == facts.field]
        nearest: list[Any] = [*same, *alike, family]
        return nearest[0].patch_padding

    def __str__(self) -> str:
        words = size_in_words(self.arch, FAMILIES[self.family].encoder.archs)
        if self.tasks:
            return f'{words}, with heads for {", ".join(self.tasks)}'
        if self.head and self.facts is None:
            return f'{words}, with a head of {self.out_channels} channels'
        outputs = {
            'mae': 'with its MAE decoder',
            'encoder': 'without a head',
            'pose': f'with a pose head for {self.out_channels} keypoints',
            'seg': f'with a parsing head for {self.out_channels} classes',
            'depth': 'with a depth head',
            'normal': 'with a normal head',
        }
        other = f'with a head for {self.layout} ({self.out_channels} channels)'
        return f'{words}, {outputs.get(self.layout, other)}'


def get_state_dict(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint, whatever they are wrapped in.

    Args:
        checkpoint (Mapping[str, Any]): A loaded file: ``state_dict`` (``model`` in files of other
            trainers) and ``meta``, or the weights themselves. What wrappers, compilers and
            Lightning leave in front of all names is removed; names of other programs become ours.

    Returns:
        dict[str, Tensor]: Parameter name -> tensor.

    Raises:
        ValueError: If there are no weights in it, or they would be silently wrong.
    """
    places = ('state_dict', 'model', 'teacher')
    weights = next((checkpoint[key] for key in places if key in checkpoint), checkpoint)
    if not isinstance(weights, Mapping):
        got = f'it is a {type(weights).__name__}'
        raise ValueError(f'`state_dict` of the checkpoint must be a dict of tensors, but {got}')
    tensors = {key: value for key, value in weights.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = sorted(map(str, weights))[:5]
        text = f'the checkpoint holds no tensors; its keys are {keys}'
        raise ValueError(f'{text}. Use the file with the weights.')
    tensors = {key.replace('_orig_mod.', ''): value for key, value in tensors.items()}
    tensors.pop('n_averaged', None)  # of AveragedModel, beside `module.`
    for prefix in ('module.', 'model.', 'net.') * 2:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return with_our_names(tensors)


def describe(
    checkpoint: str | Path | Mapping[str, Any],
    task: str | None = None,
    *,
    path: str | Path | None = None,
) -> CheckpointInfo:
    """Tell what a checkpoint is, and check that every key is a known one.

    What the head is for is taken from the file's metadata, or from its release, by name or hash, or
    from ``task``, or from its shape where only one answer is possible.

    Args:
        checkpoint (str | Path | Mapping): A file, what was read from one, or weights.
        task (str, optional): What the head is for, where the file does not say it: such as
            'normal', 'seg-28', 'pose', or a field.
        path (str | Path, optional): Where the checkpoint was read from.

    Returns:
        CheckpointInfo: Sizes and task.

    Raises:
        KeyError: If ``task`` is unknown.
        ValueError: If there is no whole Sapiens encoder, a stock head, an unknown key, or if the
            task cannot be told or is another one than ``task``.
    """
    if isinstance(checkpoint, (str, Path)):
        path = Path(checkpoint)
        checkpoint = read_checkpoint(path, 'cpu', mmap=True)
    return examine(checkpoint, None if task is None else facts_of_task(task), path)


def examine(
    checkpoint: Mapping[str, Any],
    named: HeadFacts | None = None,
    path: str | Path | None = None,
    needs_task: bool = True,
    known: Mapping[str, Any] | None = None,
) -> CheckpointInfo:
    """:func:`describe` with a task in the form of facts, or, if ``needs_task`` is false, none. What
    is beside the encoder may be of any kind, if it is that of ``known`` weights of a model.
    """
    weights = get_state_dict(checkpoint)
    meta = checkpoint.get('meta') if 'state_dict' in checkpoint else None
    info = replace(_measure(weights, known), own=own_facts(meta))
    is_plain = not strange_keys(weights)
    if info.head is None:
        return info
    is_pose = info.head == 'head'
    said = _stated(meta, path) or ()
    if read_facts(meta) is not None:
        said = [each for each in said if (each.field == KEYPOINTS) == is_pose]
    facts = next(iter(said), None)
    if facts and named and facts.contradicts(named):
        raise ValueError(f'the checkpoint is for {facts}, but it was to be used for {named}')
    if field := kind_of(split_heads(weights)[info.head]).only_for:
        told = HeadFacts(field)
        for each in filter(None, (facts, named)):
            if told.contradicts(HeadFacts(each.field)):
                raise ValueError(f'the checkpoint is for {told}, but it was to be used for {each}')
        facts = facts or named or told
    facts = facts or named
    if facts is None and needs_task and is_plain:
        facts = _guessed(info)
    if facts and is_plain and facts.contradicts(HeadFacts(facts.field, channels=info.out_channels)):
        unit = 'keypoints' if is_pose else 'output channels'
        text = f'the checkpoint has {info.out_channels} {unit}, which does not fit {facts}'
        remedy = 'or start from its encoder (`tools/convert_checkpoint.py --encoder-only`)'
        raise ValueError(f'{text}. Use the config of the checkpoint, {remedy}')
    return replace(info, facts=facts)


def beside_encoder(weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """What a file has beside its encoder; None if that is all of it."""
    if family_of(weights).is_encoder(weights):
        return None
    return {key: value for key, value in weights.items() if not key.startswith(BACKBONE)}


def strange_keys(weights: Mapping[str, Tensor]) -> list[str]:
    """Keys that no Sapiens model has; those of a head with batch norms are such."""
    family, encoder, heads = family_of(weights), encoder_state_dict(weights), split_heads(weights)
    is_bare = family.is_encoder(weights)
    found = []
    for name, head in heads.items():
        is_stock = has_stock_norms(head)
        found += [f'{name}.{key}' for key in head if is_stock or not is_known(key)]
    prefix = '' if is_bare else BACKBONE
    found += [prefix + key for key in encoder if not family.keys.fullmatch(key)]
    others = [key for key in weights if not key.startswith((BACKBONE, *(f'{h}.' for h in heads)))]
    return found + [key for key in others if not is_bare and not family.others.fullmatch(key)]


def _measure(weights: Mapping[str, Tensor], known: Mapping[str, Any] | None) -> CheckpointInfo:
    """What names and shapes of weights say for certain; every key must be a known one."""
    family, encoder, heads = family_of(weights), encoder_state_dict(weights), split_heads(weights)
    is_bare = family.is_encoder(weights)
    strange = strange_keys(weights)
    is_model = known is not None and family.is_encoder(known, BACKBONE)
    if strange and known is not None and (not is_model or strange_keys(known)):
        file, model = (
            {k: v for k, v in some.items() if k in strange or not k.startswith(BACKBONE)}
            for some in (weights, known)
        )
        check_same_weights(file, model)
    elif strange:
        if any(has_stock_norms(head) for head in heads.values()):
            raise ValueError(STOCK_FILE)
        text = f'the checkpoint has {len(strange)} keys that no Sapiens model has: {strange[:5]}'
        raise ValueError(f'{text}. It was trained with another architecture.')
    others = [key for key in weights if not key.startswith((BACKBONE, *(f'{h}.' for h in heads)))]
    info = CheckpointInfo(
        **family.describe(encoder),
        family=family.name,
        has_decoder=any(map(family.others.fullmatch, others)) and not is_bare,
        tasks=tuple(h.removeprefix(SEVERAL) for h in heads if h.startswith(SEVERAL)),
    )
    for name, head in heads.items():
        if name in NAMES and (weight := last_weight(head)) is not None:
            info = replace(info, head=name, out_channels=weight.shape[0])
    return info


def _stated(meta: Any, path: str | Path | None) -> list[HeadFacts] | None:
    """What the file or its release says about its heads; None if nothing."""
    stated = read_facts(meta)
    if stated is None and path is not None and (task := released_task(Path(path))):
        return [facts_of_task(task)]
    return stated


def name_of_task(path: str | Path) -> str:
    """What the head of a file is for, a task of ours or its dataset; a ValueError if unknown."""
    checkpoint = read_checkpoint(path, 'cpu', mmap=True)
    weights, meta = get_state_dict(checkpoint), checkpoint.get('meta')
    heads = split_heads(weights)
    facts = None
    if find_family(weights):
        info = examine(checkpoint, None, path, False, beside_encoder(weights))
        if info.head is None and not heads:
            raise ValueError(f'{path} has an encoder but no head: use `mmsapiens features`')
        facts = info.facts
    facts = facts or facts_of_training(meta)
    if facts is None and find_family(weights) and not strange_keys(weights):
        try:
            facts = _guessed(info)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
    if facts is None:
        facts = HeadFacts('keypoints' if 'head' in heads else 'seg_map')
    if facts.field not in (KEYPOINTS, *(task.field for task in ALL_TASKS.values())):
        return facts.field.removesuffix('_map')
    return task_of(None, facts).name


def check_same_task(model: Any, meta: Any, path: str | Path | None) -> None:
    """Refuse a file that says that its head is for another task than the model's."""
    stated = _stated(meta, path) or ()
    for ours in heads_of(model):
        for theirs in stated:
            if theirs.contradicts(ours):
                raise ValueError(f'the checkpoint is for {theirs}, but the model is for {ours}')


@cache
def _releases() -> tuple[dict[str, Any], ...]:
    table = json.loads((files('mmsapiens') / 'zoo' / 'releases.json').read_text(encoding='utf-8'))
    return (*table['releases'], *table['superseded'])


def released_task(path: Path) -> str | None:
    """The task of a released file, by its name or hash; None if it is no release."""
    size = path.stat().st_size if path.is_file() else -1
    digest = None
    for row in _releases():
        if row['task'] not in ALL_TASKS:
            continue
        if path.name == (row.get('file') or row['path_in_repo'].split('/')[-1]):
            return str(row['task'])
        if row.get('sha256') and row.get('bytes') == size:
            digest = digest or sha256_of(path)
            if digest == row['sha256']:
                return str(row['task'])
    return None


def _guessed(info: CheckpointInfo) -> HeadFacts:
    """The only task that has a head of this shape; a ValueError if there is none, or several."""
    is_pose = info.head == 'head'
    tasks = FAMILIES[info.family].tasks
    alike = [facts_of_task(n) for n, t in tasks.items() if t.channels == info.out_channels]
    alike = [each for each in alike if each.set and (each.field == KEYPOINTS) == is_pose]
    if len(alike) == 1:
        return alike[0]
    if alike:  # the same field, and sets that cannot be told apart
        return HeadFacts(alike[0].field, channels=info.out_channels)
    head = f'its head with {info.out_channels} {"keypoints" if is_pose else "output channels"}'
    examples = "'pose'" if is_pose else "'depth', 'normal', 'seg' or the field of another task"
    text = f'the checkpoint does not say what {head} is for, and its shape does not tell'
    raise ValueError(f'{text}: name the task, {examples} (`task=`, `--task`)')
