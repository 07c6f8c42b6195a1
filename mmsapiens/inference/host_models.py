"""Networks from a host's config and its weights; the only module of inference that knows hosts.

What this package can do itself becomes a :class:`SapiensModel`; anything else runs as in the host,
:class:`HostNetwork`. Shapes: B batch, K keypoints, C channels, H W height and width of the image, h
w those of a map.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, MODELS, DefaultScope
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..checkpoints.checkpoint_io import read_meta
from ..checkpoints.metadata import colors_of
from ..checkpoints.stored_config import stored_config, with_registered_types
from ..classes.class_sets import ClassSet, set_of_classes
from ..engine.build import load_model, read_config
from ..keypoints import set_of_dataset
from ..models.heads import DenseHead, HeatmapHead
from ..models.input_rule import InputRule
from ..models.sapiens_model import SapiensModel
from ..models.tasks import Task
from ..structures.fields import FIELDS
from ..structures.results import Image, MapResult, People, PoseResult
from .task_network import DTYPES, Options, TaskNetwork, own_stream, to_array

PARTS = {'mmpose': 'pose', 'mmseg': 'dense'}
"""Scope of a config -> part of the package that builds it."""
STEPS = {
    'pose': ('GetBBoxCenterScale', 'TopdownAffine', 'PackPoseInputs'),
    'dense': ('Resize', 'PackDenseInputs', 'PackSegInputs'),
}
"""What a test pipeline of a :class:`SapiensModel` may do, after it has loaded the image."""
MOST_CLASSES = 256
_LOADERS = ('test_dataloader', 'val_dataloader', 'train_dataloader')


def network_of_config(
    task: str, config: Any, weights: str | Path | None, options: Options
) -> TaskNetwork:
    """The network of a config, in evaluation mode: a top-down pose estimator of MMPose or a
    segmentor of MMSegmentation, :class:`mmsapiens.dense.DenseEstimator` included.

    Without ``weights`` they are random. A config of another kind, and weights that do not fit, are
    a ValueError, a host or module of the config that is not installed an ImportError.
    """
    cfg = read_config(config) if isinstance(config, (str, Path)) else Config(dict(config))
    part = PARTS.get(cfg.get('default_scope'))
    if part is None:
        text = f'the config for {task!r} must have a `default_scope` of {list(PARTS)}'
        raise ValueError(f'{text}, but got {cfg.get("default_scope")!r}')
    try:
        import_module(f'mmsapiens.{part}')
    except ImportError as error:
        text = f'the config of the task {task!r} needs `pip install mmsapiens[{part}]`: {error}'
        raise ImportError(text) from error
    missing = cfg.pop('missing_imports', [])
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        try:
            model = MODELS.build(cfg.model) if weights is None else load_model(cfg, weights)
        except KeyError as error:
            if not missing:
                raise
            text = f'the model of {weights} needs modules that its config imports and that are not '
            text += f'here, {missing}: run in their folder, or set PYTHONPATH ({error.args[0]})'
            raise ImportError(text) from error
    meta = {} if weights is None else read_meta(weights)
    row = (_pose_row if part == 'pose' else _dense_row)(task, cfg, model, meta or {})
    steps = _test_steps(task, cfg, part)
    built = (_pose_model if part == 'pose' else _dense_model)(row, model, steps)
    if built is None:
        return HostNetwork(row, model, steps, cfg.default_scope, options)
    built = built.to_dtype(DTYPES[options.dtype]).to(options.device).eval()
    return TaskNetwork(task, built)


def config_of_file(weights: str | Path) -> Mapping[str, Any] | None:
    """The config that a checkpoint carries; modules that it imports are imported if they can be."""
    stored = stored_config(read_meta(weights))
    if stored is None:
        return None
    imports = (stored.get('custom_imports') or {}).get('imports', ())
    sys.path += [each for each in (str(Path.cwd()),) if each not in sys.path]
    missing = []
    for name in [imports] if isinstance(imports, str) else imports:
        try:
            import_module(name)
        except ImportError:
            missing.append(name)  # only the dataset may be in it
    kept = ('default_scope', 'model', 'test_pipeline')
    found: dict[str, Any] = {key: stored[key] for key in kept if key in stored}
    found['missing_imports'] = missing
    for name in _LOADERS:  # datasets are not built: the checkpoint has what is asked of them
        dataset = _dataset(stored, name).items()
        found[name] = dict(dataset={k: v for k, v in dataset if k in ('pipeline', 'metainfo')})
    return with_registered_types(found)


def _dataset(cfg: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The dataset of a loader of a config, without its wrappers; empty if there is none."""
    dataset = (cfg.get(name) or {}).get('dataset') or {}
    while 'pipeline' not in dataset and isinstance(dataset.get('dataset'), Mapping):
        dataset = dataset['dataset']
    return dataset


def _metainfos(cfg: Config, meta: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What the checkpoint and the datasets of a config say about their keypoints or classes."""
    yield meta.get('dataset_meta') or {}
    for name in _LOADERS:
        # Not read: what it says about itself is enough.
        dataset = dict(_dataset(cfg, name), pipeline=[], lazy_init=True, test_mode=True)
        try:
            with DefaultScope.overwrite_default_scope(cfg.default_scope):
                yield DATASETS.build(dataset).metainfo
        except (KeyError, ImportError, TypeError, ValueError, OSError, AttributeError):
            yield dataset.get('metainfo') or {}  # its files or its class are not here


def _pose_row(task: str, cfg: Config, model: nn.Module, meta: Mapping[str, Any]) -> Task:
    head = model.head
    count = getattr(head, 'out_channels', None) or getattr(head, 'num_joints', None)
    if count and getattr(head.decoder, 'heatmap_type', '') == 'combined':
        count //= 3  # a map and two offsets for each
    for metainfo in _metainfos(cfg, meta):
        if names := metainfo.get('keypoint_id2name'):
            count = count or len(names)
            if count == len(names):
                break
    if count is None:
        text = f'the number of keypoints of {task!r} is not known: neither its head'
        raise ValueError(f'{text}, {type(head).__name__}, nor a dataset of the config says it')
    return Task(task, 'pose', set_of_dataset(metainfo, count), flip_test=_flips(model))


def _flips(model: nn.Module) -> bool:
    return bool((model.test_cfg or {}).get('flip_test', False))


def _dense_row(task: str, cfg: Config, model: nn.Module, meta: Mapping[str, Any]) -> Task:
    head = model.decode_head
    head = head[-1] if isinstance(head, nn.ModuleList) else head
    is_depth = type(model).__name__ == 'DepthEstimator'
    field = getattr(head, 'row', FIELDS['depth_map' if is_depth else 'seg_map'])
    output: str | ClassSet = field.name
    if field.is_labels:
        count = max(2, getattr(head, 'num_classes', None) or head.out_channels)
        if count > MOST_CLASSES:
            text = f'{task!r} must have at most {MOST_CLASSES} classes, as maps of ids have 8 bits'
            raise ValueError(f'{text}, but its head has {count}')
        fitting = (m for m in _metainfos(cfg, meta) if len(m.get('classes') or ()) == count)
        output = replace(set_of_classes(next(fitting, {}), count), name=task)
    return Task(task, 'dense', output, field=field.name, flip_test=_flips(model))


def _test_steps(task: str, cfg: Config, part: str) -> Sequence[Mapping[str, Any]]:
    """The steps of the test pipeline after the image and without ground truth, or training's."""
    pipelines = [_dataset(cfg, name).get('pipeline') for name in _LOADERS]
    pipelines.insert(0 if part == 'dense' else 1, cfg.get('test_pipeline'))
    *found, trained = (
        [dict(step) for step in each or () if 'Load' not in str(step['type'])] for each in pipelines
    )
    for steps in found:
        if steps:
            return steps
    geometry = [step for step in trained if _name(step) in STEPS['pose']]
    if part == 'pose' and 'TopdownAffine' in map(_name, geometry):
        return geometry
    example = "[dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine'"
    example += ", input_size=(192, 256)), dict(type='PackPoseInputs')]"
    if part == 'dense':
        example = "[dict(type='LoadImageFromFile'), dict(type='Resize', scale=(768, 1024)), "
        example += "dict(type='PackSegInputs')]"
    text = f'the config of {task!r} must have a test pipeline: add `test_pipeline = {example}`'
    raise ValueError(f'{text}, with the size that the model was trained with')


def _name(step: Mapping[str, Any]) -> str:
    kind = step['type']
    return kind.__name__ if isinstance(kind, type) else str(kind).rpartition('.')[2]


def _named_steps(part: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, Mapping] | None:
    """Class name -> step of a test pipeline that this package can repeat; None for any other."""
    named = {_name(step): step for step in steps}
    unknown = [name for name in named if name not in STEPS[part]]
    if unknown or STEPS[part][0] not in named or named.get('Resize', {}).get('keep_ratio'):
        return None
    return named


class _HalfBackbone(nn.Module):
    """A backbone in half precision whose features are float32, as decoders want them."""

    def __init__(self, backbone: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.backbone, self.dtype = backbone, dtype

    def forward(self, img: Tensor) -> Any:
        with torch.autocast(img.device.type, self.dtype):
            feats = self.backbone(img)
        return tree_map(lambda each: each.float(), feats)


class HostNetwork(TaskNetwork):
    """A model of a host with its own test pipeline and step; ``dtype`` is of the backbone."""

    def __init__(
        self,
        row: Task,
        model: nn.Module,
        steps: Sequence[Mapping[str, Any]],
        scope: str,
        options: Options,
    ) -> None:
        names = [_name(step) for step in steps]
        if row.is_pose and 'GetBBoxCenterScale' not in names:
            text = f'the test pipeline of {row.name!r} must crop people (`GetBBoxCenterScale`), but'
            remedy = 'models of whole images run in the inferencer of MMPose'
            raise ValueError(f'{text} it is {names}: {remedy}')
        if options.mode == 'lite' or options.compile:
            text = f"`mode` must be 'default' and `compile` False for {row.name!r}, which runs in"
            raise ValueError(f'{text} its host: {type(model).__name__} with the pipeline {names}')
        if options.flip_test is not None and row.is_pose:
            model.test_cfg = dict(model.test_cfg or {}, flip_test=options.flip_test)
            row = replace(row, flip_test=options.flip_test)
        elif options.flip_test:
            raise ValueError(f'`flip_test` must be False for {row.name!r}: its host has none')
        self.task, self.row = row.name, row
        if row.is_pose:
            self.flip_indices = list(row.keypoint_set.flip_indices)
            chosen = (model.test_cfg or {}).get('output_keypoint_indices')
            if chosen is not None:
                self.row = replace(row, output=row.keypoint_set.subset(chosen))
        self.host = model.to(options.device).eval()
        if options.dtype != 'float32':
            self.host.backbone = _HalfBackbone(self.host.backbone, DTYPES[options.dtype])
        self._device = torch.device(options.device)
        with DefaultScope.overwrite_default_scope(scope):
            self.pipeline = Compose([dict(step) for step in steps])

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._device

    def prepare(self, frame: Image, people: People, index: int) -> Any:
        """What the pipeline makes of an image, or of a person in it."""
        shape = frame.size_hw
        data: dict[str, Any] = dict(
            img=frame.image.copy(), img_path=frame.source, img_shape=shape, ori_shape=shape
        )
        if self.row.is_pose:
            data.update(
                bbox=people.boxes[index][None].astype(np.float32),
                bbox_score=np.ones(1, dtype=np.float32),
                flip_indices=self.flip_indices,
                dataset_name=self.row.keypoint_set.name,
            )
        return self.pipeline(data)

    def forward(self, samples: Sequence[Any]) -> list:
        """What the test step says: keypoints in pixels of the image and scores, or maps."""
        with torch.no_grad(), own_stream(self.device):
            found = self.host.test_step(pseudo_collate(list(samples)))
            if self.row.is_pose:
                people = [each.pred_instances for each in found]
                return [(each.keypoints[0][:, :2], each.keypoint_scores[0]) for each in people]
            return [each.get(self.row.row.pred_name).data for each in found]

    def finish(
        self, frame: Image, people: People, outputs: Sequence[Any]
    ) -> PoseResult | MapResult:
        """Make a result of what :meth:`forward` said about an image's samples."""
        if self.row.is_pose:
            return self._poses([(np.asarray(p), np.asarray(s)) for p, s in outputs])
        return self._map(to_array(outputs[0].float(), self.row.row))


class HostHead(nn.Module):
    """A head of a host, whose raw output is (B, C, h, w)."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Raw output."""
        maps: Tensor = self.head(feats)
        return maps


class HostPoseHead(HostHead):
    """One of MMPose with heatmaps, decoded by its own codec; models without UDP want
    ``shift_heatmap``, mirrored heatmaps shifted by a pixel.
    """

    def __init__(self, head: nn.Module, shift_heatmap: bool) -> None:
        super().__init__(head)
        self.shift_heatmap = shift_heatmap

    def decode(
        self,
        maps: Tensor,
        input_size_wh: tuple[int, int],
        mirrored: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`mmsapiens.models.heads.HeatmapHead.decode`."""
        if mirrored is not None and flip_indices is not None:
            mirrored = mirrored.flip(-1)[:, list(flip_indices)]
            if self.shift_heatmap:
                mirrored[..., 1:] = mirrored[..., :-1].clone()
            maps = (maps + mirrored) * 0.5
        decoded = [self.head.decoder.decode(each) for each in maps.float().cpu().numpy()]
        points, scores = (np.concatenate(some) for some in zip(*decoded))
        return torch.from_numpy(points), torch.from_numpy(scores)


class UdpPoseHead(HostPoseHead):
    """A head with the codec of this package."""

    def __init__(self, head: nn.Module, shift_heatmap: bool) -> None:
        super().__init__(head, shift_heatmap)
        self.blur_kernel_size, self.border = head.decoder.blur_kernel_size, head.decoder.border

    decode = HeatmapHead.decode


class HostDenseHead(HostHead):
    """A :class:`mmsapiens.dense.DenseHead`."""

    maps = DenseHead.maps
    before_resize = staticmethod(DenseHead.before_resize)

    def finish(self, maps: Tensor) -> Tensor:
        """As :meth:`mmsapiens.models.heads.DenseHead.finish`."""
        prediction: Tensor = self.head.finish(self.head.activate(maps))
        return prediction


def _features(model: nn.Module) -> nn.Module:
    return nn.Sequential(model.backbone, model.neck) if model.with_neck else model.backbone


def _pose_model(
    row: Task, model: nn.Module, all_steps: Sequence[Mapping[str, Any]]
) -> SapiensModel | None:
    """None if it needs its host."""
    steps, test_cfg = _named_steps('pose', all_steps), model.test_cfg or {}
    codec = getattr(model.head, 'decoder', None)
    if (
        steps is None
        or type(model).__name__ != 'TopdownPoseEstimator'
        or not hasattr(codec, 'heatmap_size')
        or test_cfg.get('flip_mode', 'heatmap') != 'heatmap'
        or test_cfg.get('output_keypoint_indices') is not None
    ):
        return None
    affine = steps['TopdownAffine']
    width, height = affine['input_size']
    head_class = UdpPoseHead if hasattr(codec, 'encode_on_device') else HostPoseHead
    rule = InputRule(
        (int(height), int(width)),
        box_padding=steps['GetBBoxCenterScale'].get('padding', 1.25),
        use_udp=affine.get('use_udp', False),
        **colors_of(model),
    )
    head = head_class(model.head, bool(test_cfg.get('shift_heatmap', False)))
    return SapiensModel(_features(model), {row.name: head}, [row], rule)


def _dense_model(
    row: Task, model: nn.Module, all_steps: Sequence[Mapping[str, Any]]
) -> SapiensModel | None:
    """None if it needs its host."""
    steps = _named_steps('dense', all_steps)
    if steps is None or not hasattr(model, 'raw_output') or model.data_preprocessor.test_cfg:
        return None
    width, height = steps['Resize']['scale']
    rule = InputRule(
        (int(height), int(width)),
        resize_once=bool(model.test_cfg.get('resize_once', False)),
        **colors_of(model),
    )
    return SapiensModel(_features(model), {row.name: HostDenseHead(model.decode_head)}, [row], rule)
