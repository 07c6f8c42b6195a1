"""A host's config and its weights as a :class:`SapiensModel`.

The only module of inference that knows hosts: the adapters build what a config says, and from it
come the networks, the input rule, and the keypoint or class set of the test dataset.

Shapes: B batch, K keypoints, h w height and width of a map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from torch import Tensor, nn

from ..checkpoints.metadata import colors_of
from ..classes.class_sets import ClassSet
from ..engine.build import load_model
from ..keypoints.keypoint_sets import KeypointSet
from ..models.heads import HeatmapHead
from ..models.input_rule import InputRule
from ..models.sapiens_model import SapiensModel
from ..models.tasks import Task

PARTS = {'mmpose': 'pose', 'mmseg': 'dense'}
"""Scope of a config -> part of the package that builds it."""
STEPS = {
    'pose': ('GetBBoxCenterScale', 'TopdownAffine', 'PackPoseInputs'),
    'dense': ('Resize', 'PackDenseInputs', 'PackSegInputs'),
}
"""What a test pipeline may do, after it has loaded the image."""


def model_of_config(task: str, config: Any, weights: str | Path | None) -> SapiensModel:
    """Build the model of a config.

    Args:
        task (str): Name for results.
        config (str | Path | Config): Of a top-down pose estimator of MMPose with heatmaps, or of a
            :class:`mmsapiens.dense.DenseEstimator`.
        weights (str | Path, optional): A checkpoint; None leaves the weights random.
    """
    cfg = read_config(config)
    part = PARTS.get(cfg.get('default_scope'))
    if part is None:
        raise ValueError(
            f'the config for {task!r} must have a `default_scope` of '
            f'{list(PARTS)}, but got {cfg.get("default_scope")!r}'
        )
    try:
        import_module(f'mmsapiens.{part}')
    except ImportError as error:
        raise ImportError(
            f'the config of the task {task!r} needs `pip install mmsapiens[{part}]`: {error}'
        ) from error
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model) if weights is None else load_model(cfg, weights)
        # Not read: what it says about itself is enough.
        dataset = dict(cfg.test_dataloader.dataset, pipeline=[], lazy_init=True, test_mode=True)
        metainfo = DATASETS.build(dataset).metainfo
    convert = _pose_model if part == 'pose' else _dense_model
    return convert(task, cfg, model, metainfo)


def read_config(config: str | Path | Config) -> Config:
    """Read a config that belongs to a host, or take one that was read."""
    if isinstance(config, Config):
        return config
    path = Path(config).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'the config {path} does not exist')
    return Config.fromfile(str(path))


def _named_steps(task: str, part: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, Mapping]:
    """Class name -> step of a test pipeline that this package can repeat."""
    # Without those that read the image; ground truth is not loaded either: there is none.
    named = {str(step['type']).rpartition('.')[2]: step for step in steps}
    named = {name: step for name, step in named.items() if 'Load' not in name}
    unknown = [name for name in named if name not in STEPS[part]]
    if unknown or STEPS[part][0] not in named or named.get('Resize', {}).get('keep_ratio'):
        raise ValueError(
            f'the test pipeline of {task!r} must be of {STEPS[part]}, whole images resized without '
            f'`keep_ratio`, but it is {list(named)}. Use the inferencer of the host.'
        )
    return named


class HostPoseHead(nn.Module):
    """A head of MMPose with heatmaps, decoded by its own codec.

    Models without UDP want ``shift_heatmap``: mirrored heatmaps shifted by a pixel.
    """

    def __init__(self, head: nn.Module, shift_heatmap: bool) -> None:
        super().__init__()
        self.head, self.shift_heatmap = head, shift_heatmap

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Heatmaps (B, K, h, w)."""
        maps: Tensor = self.head(feats)
        return maps

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


class HostDenseHead(nn.Module):
    """A :class:`mmsapiens.dense.DenseHead`."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Raw output (B, C, h, w)."""
        maps: Tensor = self.head(feats)
        return maps

    def finish(self, maps: Tensor) -> Tensor:
        """As :meth:`mmsapiens.models.heads.DenseHead.finish`."""
        prediction: Tensor = self.head.finish(self.head.activate(maps))
        return prediction


def _features(model: nn.Module) -> nn.Module:
    return nn.Sequential(model.backbone, model.neck) if model.with_neck else model.backbone


def _pose_model(
    task: str, cfg: Config, model: nn.Module, metainfo: Mapping[str, Any]
) -> SapiensModel:
    steps = _named_steps(task, 'pose', cfg.test_dataloader.dataset.pipeline)
    test_cfg = model.test_cfg or {}
    codec = getattr(model.head, 'decoder', None)
    if not hasattr(codec, 'heatmap_size') or test_cfg.get('flip_mode', 'heatmap') != 'heatmap':
        raise ValueError(
            f'the head of {task!r} must predict heatmaps, but got {type(model.head).__name__} with '
            f'{type(codec).__name__}. Use the inferencer of MMPose.'
        )
    if test_cfg.get('output_keypoint_indices') is not None:
        raise ValueError(
            f'`output_keypoint_indices` in the `test_cfg` of {task!r} is not supported: results '
            'have all keypoints of the set. Remove it.'
        )
    affine = steps['TopdownAffine']
    width, height = affine['input_size']
    head_class = UdpPoseHead if hasattr(codec, 'encode_on_device') else HostPoseHead
    rule = InputRule(
        (int(height), int(width)),
        box_padding=steps['GetBBoxCenterScale'].get('padding', 1.25),
        use_udp=affine.get('use_udp', False),
        **colors_of(model),
    )
    names = metainfo['keypoint_id2name']
    keypoints = KeypointSet(
        name=str(metainfo['dataset_name']),
        keypoint_names=tuple(names[index] for index in range(metainfo['num_keypoints'])),
        flip_indices=tuple(map(int, metainfo['flip_indices'])),
        groups={},
    )
    row = Task(task, 'pose', keypoints, flip_test=bool(test_cfg.get('flip_test', False)))
    head = head_class(model.head, bool(test_cfg.get('shift_heatmap', False)))
    return SapiensModel(_features(model), {task: head}, [row], rule)


def _dense_model(
    task: str, cfg: Config, model: nn.Module, metainfo: Mapping[str, Any]
) -> SapiensModel:
    if not hasattr(model, 'raw_output'):
        raise ValueError(
            f'the model of {task!r} must be a mmsapiens.DenseEstimator, but '
            f'got {type(model).__name__}'
        )
    if model.data_preprocessor.test_cfg:
        raise ValueError(
            f'the data preprocessor of {task!r} must have no `test_cfg`: images are resized to the '
            'size of the input, not padded'
        )
    steps = _named_steps(task, 'dense', cfg.test_pipeline)
    width, height = steps['Resize']['scale']
    rule = InputRule(
        (int(height), int(width)),
        resize_once=bool(model.test_cfg.get('resize_once', False)),
        **colors_of(model),
    )
    field = model.decode_head.row
    classes = ClassSet(
        name=task,
        classes=tuple(metainfo.get('classes') or ()),
        palette=tuple(tuple(color) for color in metainfo.get('palette') or ()),
        flip_pairs=tuple((int(a), int(b)) for a, b in metainfo.get('flip_pairs') or ()),
    )
    row = Task(
        task,
        'dense',
        classes if field.is_labels else field.name,
        field=field.name,
        flip_test=bool(model.test_cfg.get('flip_test', False)),
    )
    return SapiensModel(_features(model), {task: HostDenseHead(model.decode_head)}, [row], rule)
