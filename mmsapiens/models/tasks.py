"""The tasks by name: one row each, read by everything that has to know what a task is."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..classes.class_sets import ClassSet, get_class_set
from ..keypoints.keypoint_sets import KeypointSet, get_keypoint_set
from ..structures.fields import Field, get_field
from .archs import FAMILY_ARCHS

FIRST = 'sapiens'  # Family of names without one
SIZES = ('0.3b', '0.6b', '1b', '2b')  # Sizes of the released models of the first; 'tiny' is ours
DEFAULT_MODEL = 'sapiens-0.3b'  # The smallest one, wherever none is named: it runs on every machine
MODEL_NAMES = tuple(arch.replace('_', '-') for each in FAMILY_ARCHS.values() for arch in each)
"""Names of models, of all families."""
INPUT_HW, TINY_INPUT_HW, INPUT_4K_HW = (1024, 768), (256, 192), (4096, 3072)
"""Height and width of the input of the networks, of the tiny ones, and with a window tokenizer."""
RELEASED_PADDING = 2  # Pixels on each side of the image, where a released model has them


@dataclass(frozen=True)
class Task:
    """A task: what its network sees, which head it has and what that head says.

    Args:
        name (str): Its name.
        kind (str): 'pose', one input for each person, or 'dense', one for each image.
        output (str | KeypointSet | ClassSet): The keypoint set, the class set or the field.
        head (str): A key of :data:`mmsapiens.models.heads.HEADS`. This and the channels, of the
            output and after each layer of the head, are empty for a model that a config describes.
        field (str): Row of :mod:`mmsapiens.structures.fields` of a dense task. Defaults to ''.
        config (tuple[str, ...]): Of its configs: folder, schedule, that of size 'tiny', and data.
        patch_padding (int | str): As in :class:`mmsapiens.models.SapiensViT`. Defaults to 'corner'.
        flip_test (bool): Whether to average with the mirrored image's output. Defaults to False.
        layers (Mapping): Size of the model -> what its head takes instead of the four above; ''
            is any other size. Defaults to {}.
        input (Mapping): Options of :class:`mmsapiens.models.input_rule.InputRule` that its
            network sees images with. Defaults to {}.
    """

    name: str
    kind: str
    output: str | KeypointSet | ClassSet
    head: str = ''
    channels: int = 0
    deconv_channels: tuple[int, ...] = ()
    conv_channels: tuple[int, ...] = ()
    tiny_deconv_channels: tuple[int, ...] = ()
    tiny_conv_channels: tuple[int, ...] = ()
    field: str = ''
    config: tuple[str, ...] = ()
    patch_padding: int | Literal['corner'] = 'corner'
    flip_test: bool = False
    layers: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict, hash=False)
    input: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def is_pose(self) -> bool:
        """Whether it looks at one person after the other."""
        return self.kind == 'pose'

    @property
    def row(self) -> Field:
        """The field of a dense task."""
        return get_field(self.field)

    @property
    def is_parsing(self) -> bool:
        """Whether its output are class ids."""
        return bool(self.field) and self.row.is_labels

    @property
    def keypoint_set(self) -> KeypointSet:
        """The keypoints of a pose task."""
        found = self.output
        return found if isinstance(found, KeypointSet) else get_keypoint_set(found)

    @property
    def class_set(self) -> ClassSet:
        """The classes of a parsing task."""
        return self.output if isinstance(self.output, ClassSet) else get_class_set(self.output)

    def config_of(self, size: str) -> str:
        """Its config for a size of the model, under ``configs/``."""
        folder, schedule, tiny_schedule, data = self.config
        if size == 'tiny':
            return f'{folder}/sapiens-tiny_{tiny_schedule}_{data}-256x192.py'
        return f'{folder}/sapiens-{size}_{schedule}_{data}-1024x768.py'

    def head_channels(self, size: str) -> dict[str, Any]:
        """Channels of its head for a size of the model, as heads take them."""
        if self.layers:
            return dict(self.layers.get(size, self.layers['']))
        is_tiny = size == 'tiny'
        return dict(
            deconv_out_channels=self.tiny_deconv_channels if is_tiny else self.deconv_channels,
            conv_out_channels=self.tiny_conv_channels if is_tiny else self.conv_channels,
        )


def _kind(kind: str, head: str, *channels: tuple[int, ...], **more: Any) -> dict[str, Any]:
    """What rows share, with the channels of the head and of that of the size 'tiny'."""
    names = ('deconv_channels', 'conv_channels', 'tiny_deconv_channels', 'tiny_conv_channels')
    return dict(zip(names, channels), kind=kind, head=head, **more)


_PADDED: dict[str, Any] = dict(patch_padding=RELEASED_PADDING)
_POSE_OPTIONS = dict(_PADDED, flip_test=True)
_POSE_WIDTHS = ((768, 768), (768, 768))
_POSE = _kind('pose', 'HeatmapHead', *_POSE_WIDTHS, (96, 96), (96, 96), **_POSE_OPTIONS)
_WHOLEBODY = _kind('pose', 'HeatmapHead', *_POSE_WIDTHS, (128, 128), (128, 128), **_POSE_OPTIONS)
_WIDTHS = ((768, 768, 768), (768, 768, 768), (96, 96, 96), (96, 96))
_PARTS = _kind('dense', 'ParsingHead', *_WIDTHS, field='seg_map')
_PADDED_PARTS = dict(_PARTS, **_PADDED, channels=20)
_DEPTH_WIDTHS = ((384, 384, 384, 384), (384, 384), (96, 64, 32, 16), (16, 16))
_DEPTH = _kind('dense', 'DepthHead', *_DEPTH_WIDTHS, field='depth_map')
_NORMAL = _kind('dense', 'NormalHead', *_WIDTHS, field='normal_map', channels=3, **_PADDED)

_CONFIGS = {
    'pose-17': ('pose/coco', '8xb64-210e', '2xb7-300e', 'coco'),
    'pose-133': ('pose/coco_wholebody', '8xb64-210e', '2xb7-400e', 'coco-wholebody'),
    'pose-308': ('pose/goliath308', '8xb64-210e', '2xb7-300e', 'goliath308'),
    'seg-28': ('dense/parsing', '8xb1-200e', '2xb4-300e', 'bodyparts28'),
    'seg-lip': ('dense/parsing', '8xb1-400e', '2xb4-300e', 'lip'),
    'seg-cihp': ('dense/parsing', '8xb1-400e', '2xb4-300e', 'cihp'),
    'depth': ('dense/depth', '8xb2-200e', '2xb4-300e', 'depth'),
    'normal': ('dense/normal', '8xb2-200e', '2xb4-300e', 'normal'),
}
_ROWS = {
    'pose-17': dict(_POSE, output='coco', channels=17),
    'pose-133': dict(_WHOLEBODY, output='coco_wholebody', channels=133),
    'pose-308': dict(_POSE, output='goliath308', channels=308),
    'seg-28': dict(_PARTS, output='goliath28', channels=28),
    'seg-lip': dict(_PADDED_PARTS, output='lip'),
    'seg-cihp': dict(_PADDED_PARTS, output='cihp'),
    'depth': dict(_DEPTH, output='depth_map', channels=1),
    'normal': dict(_NORMAL, output='normal_map'),
}

TASKS: dict[str, Task] = {  # Name -> task
    name: Task(name, config=_CONFIGS[name], **row) for name, row in _ROWS.items()
}


def _deconv(deconv: tuple[int, ...], conv: tuple[int, ...]) -> dict[str, Any]:
    return dict(deconv_out_channels=deconv, conv_out_channels=conv)


def _shuffle(upsample: tuple[int, ...], conv: tuple[int, ...], **others: Any) -> dict[str, Any]:
    return dict(upsample_channels=upsample, conv_out_channels=conv, **others)


_TINY_SHUFFLE = _shuffle((64, 32, 16, 16), (16, 16))
_MAPS = _shuffle((768, 512, 256, 128), (64, 32, 16))
_WIDE = (1536, 768, 512, 256)
_FITTED: dict[str, Any] = dict(kind='dense', input=dict(is_fitted=True))
_SECOND_ROWS: dict[str, dict[str, Any]] = {
    'pose-308': dict(
        kind='pose',
        output='goliath308',
        channels=308,
        head='HeatmapHead',
        flip_test=True,
        input=dict(enlarge='cubic'),
        layers={
            '': _deconv((1024, 768), (512, 512, 256)),
            '1b': _deconv((1536, 1024), (768, 512, 256)),
            'tiny': _deconv((96, 96), (96, 96)),
        },
    ),
    'seg-29': dict(
        kind='dense',
        output='goliath29',
        field='seg_map',
        channels=29,
        head='ParsingHead',
        input=dict(shrink='area', enlarge='cubic', resize_once=True),
        layers={
            '': _deconv((512, 256, 128, 64), (64, 64)),
            'tiny': _deconv((96, 64, 32, 32), (32, 32)),
        },
    ),
    'normal': dict(
        _FITTED,
        output='normal_map',
        field='normal_map',
        channels=3,
        head='PixelShuffleNormalHead',
        layers={'': _MAPS, '5b': _shuffle(_WIDE, (128, 64, 32)), 'tiny': _TINY_SHUFFLE},
    ),
    'pointmap': dict(
        _FITTED,
        output='point_map',
        field='point_map',
        channels=3,
        head='PointMapHead',
        layers={
            '': _shuffle(_WIDE, (64, 32, 16)),
            '5b': _shuffle((1536, 768, 768, 768), (128, 64, 32)),
            'tiny': dict(_TINY_SHUFFLE, scale_channels=(96, 64, 32), scale_hidden=(64, 32)),
        },
    ),
    'albedo': dict(
        _FITTED,
        output='albedo_map',
        field='albedo_map',
        channels=3,
        head='AlbedoHead',
        layers={'': _MAPS, '5b': _shuffle(_WIDE, (64, 32, 16)), 'tiny': _TINY_SHUFFLE},
    ),
    'matting': dict(
        kind='dense',
        output='matte_map',
        field='matte_map',
        channels=4,
        head='MattingHead',
        input=dict(shrink='area', resize_once=True),
        layers={'': _MAPS, 'tiny': _TINY_SHUFFLE},
    ),
}

SAPIENS2_TASKS: dict[str, Task] = {
    name: Task(name, patch_padding=0, **row) for name, row in _SECOND_ROWS.items()
}
"""Name -> task of the second generation, whose inputs and heads are others."""
ALL_TASKS = {**SAPIENS2_TASKS, **TASKS}
"""Name -> task of the first generation that has it."""

_OF_A_KIND = {'pose': 'pose-17', 'seg': 'seg-28', 'depth': 'depth', 'normal': 'normal'}
_OF_A_KIND |= {name: name for name in ('pointmap', 'albedo', 'matting')}
KINDS = tuple(_OF_A_KIND)  # How the name of a task of one's own starts


def tasks_of(family: str) -> dict[str, Task]:
    """Name -> task of a family of encoders; those of others have the heads of the first."""
    return SAPIENS2_TASKS if family == 'sapiens2' else TASKS


def get_task(name: str | Task, known: Mapping[str, Task] = ALL_TASKS) -> Task:
    """The row of a key of ``known``, those of all families or of one (:func:`tasks_of`), or of a
    name of one's own that starts with one of :data:`KINDS`, or a row itself; a KeyError if there is
    none."""
    if isinstance(name, Task):
        return name
    if name in known:
        return known[name]
    for kind, like in _OF_A_KIND.items():
        if name.startswith(kind):
            alike = [row for each, row in known.items() if each.startswith(kind)]
            if alike:
                return replace(known.get(like, alike[0]), name=name)
    raise KeyError(
        f'`task` must be one of {list(known)}, or start with one of {KINDS}, but got {name!r}'
    )


def module_name(task: str) -> str:
    """The name of a task in the names of parameters, where a dot has a meaning."""
    return task.replace('.', '_')


def family_and_size(model: str) -> tuple[str, str]:
    """Family and size in the name of a model; '1b' alone is of the first generation."""
    name = str(model).lower().replace('_', '-')
    for each in (name, f'{FIRST}-{name}'):
        family, _, size = each.partition('-')
        if each.replace('-', '_') in FAMILY_ARCHS.get(family, {}):
            return family, size
    raise KeyError(f'`model` must be one of {list(MODEL_NAMES)}, but got {model!r}')


def check_family(model: str | None, tasks: Iterable[str]) -> None:
    """Refuse tasks that the family of a model, by default the default one, does not have."""
    family, _ = family_and_size(model or DEFAULT_MODEL)
    known = tasks_of(family)
    for task in tasks:
        if task in known:
            continue
        others = [name for name in FAMILY_ARCHS if task in tasks_of(name)]
        if not others:
            raise KeyError(f'`tasks` must be of {list(known)}, but got {task!r}')
        models = ', '.join(name for name in MODEL_NAMES if name.partition('-')[0] in others)
        text = f'{task!r} is a task of {models}'
        if model is None:
            raise ValueError(f'{text}, not of {DEFAULT_MODEL}, which is taken by default: name one')
        raise ValueError(f'{text}. The tasks of {model!r} are {list(known)}')
