"""Networks from configs and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from torch import nn

from ...engine.build import load_model
from ..lite import use_lite_colors
from .base import TaskNetwork
from .fixed_batch import FixedBatch

PARTS = {'mmpose': 'pose', 'mmseg': 'dense'}
"""Scope of a config -> part of the package that runs it."""
DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
MODES = ('default', 'lite')


@dataclass(frozen=True)
class Options:
    """How networks run.

    Args:
        device (str): Such as 'cpu' or 'cuda:0'. Defaults to 'cpu'.
        dtype (str): Type of weights and activations, a key of :data:`DTYPES`. Defaults to
            'float32'.
        flip_test (bool, optional): Whether to average with the output for the mirrored image.
            Defaults to None, as the config says.
        compile (bool): Whether to compile the backbone. Defaults to False.
        batch_size (int): Samples that a compiled network always takes. Defaults to 4.
        mode (str): 'default', or 'lite' for the numbers of the reference's small demos. Defaults to
            'default'.

    Raises:
        KeyError: If ``dtype`` is unknown.
        ValueError: If ``mode`` is unknown, the device cannot be used, or the mode has no flip test.
    """

    device: str = 'cpu'
    dtype: str = 'float32'
    flip_test: bool | None = None
    compile: bool = False
    batch_size: int = 4
    mode: str = 'default'

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise KeyError(f'`dtype` must be one of {list(DTYPES)}, but got {self.dtype!r}')
        if self.mode not in MODES:
            raise ValueError(f'`mode` must be one of {MODES}, but got {self.mode!r}')
        if self.mode == 'lite' and self.flip_test:
            raise ValueError(
                "`flip_test` must be False with `mode='lite'`: the small "
                'demos of the reference have none'
            )
        check_device(self.device)


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Args:
        device (str): Such as 'cuda:0'.

    Raises:
        ValueError: With the devices that can be used.
    """
    usable = ['cpu']
    usable += [f'cuda:{index}' for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        usable.append('mps')
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = None
    names = {name.split(':')[0] for name in usable} | set(usable)
    if wanted is None or str(wanted) not in names:
        raise ValueError(f'`device` must be one of {usable} on this machine, but got {device!r}')


def build_network(
    task: str,
    config: str | Path | Config,
    weights: str | Path | None,
    options: Options | None = None,
) -> TaskNetwork:
    """Build the network of a task.

    Args:
        task (str): Name for results.
        config (str | Path | Config): Of a top-down pose estimator or a
            :class:`mmsapiens.dense.DenseEstimator`.
        weights (str | Path, optional): A checkpoint, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`. None leaves the weights random, which is
            only good for tests.
        options (Options, optional): Defaults to None, the defaults.

    Returns:
        TaskNetwork: In evaluation mode.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If the host of the task is not installed.
        ValueError: If the config is of neither kind, or weights do not fit.
    """
    options = options or Options()
    cfg = read_config(config)
    part = PARTS.get(cfg.get('default_scope'))
    if part is None:
        raise ValueError(
            f'the config for {task!r} must have a `default_scope` of '
            f'{list(PARTS)}, but got {cfg.get("default_scope")!r}'
        )
    network_class = _network_class(part, task)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = build_model(cfg, weights, options)
        metainfo = read_metainfo(cfg)
    is_lite = options.mode == 'lite'
    if part == 'dense' and not hasattr(model, 'raw_output'):
        raise ValueError(
            f'the model of {task!r} must be a mmsapiens.DenseEstimator, but '
            f'got {type(model).__name__}'
        )
    if is_lite:
        use_lite_colors(model)
        model.test_cfg['flip_test'] = False
    elif options.flip_test is not None:
        model.test_cfg['flip_test'] = options.flip_test
    if options.compile:
        model.backbone = FixedBatch(model.backbone, options.batch_size)
    return network_class(task, cfg, model, metainfo, is_lite)


def read_config(config: str | Path | Config) -> Config:
    """Read a config that belongs to a host.

    Args:
        config (str | Path | Config): A file, or one that was read.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if isinstance(config, Config):
        return config
    path = Path(config).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'the config {path} does not exist')
    return Config.fromfile(str(path))


def _network_class(part: str, task: str) -> type[TaskNetwork]:
    try:
        import_module(f'mmsapiens.{part}')  # registers the models of the part
        if part == 'pose':
            from .pose import PoseNetwork

            return PoseNetwork
        from .dense import DenseNetwork

        return DenseNetwork
    except ImportError as error:
        raise ImportError(
            f'the task {task!r} needs `pip install mmsapiens[{part}]`: {error}'
        ) from error


def build_model(cfg: Config, weights: str | Path | None, options: Options) -> nn.Module:
    """The model of a config with its weights, ready to predict.

    Args:
        cfg (Config): Of the host that is the default scope.
        weights (str | Path, optional): A checkpoint; None leaves the model as it was initialized.
        options (Options): Device and type.
    """
    dtype = DTYPES[options.dtype]
    if weights is not None:
        model: nn.Module = load_model(cfg, weights, options.device, dtype)
    else:
        model = MODELS.build(cfg.model).to(options.device).eval()
        for name, child in model.named_children():
            # Means and standard deviations need their digits.
            if name != 'data_preprocessor':
                child.to(dtype)
    return model.requires_grad_(False)


def read_metainfo(cfg: Config) -> dict[str, Any]:
    """What the test dataset of a config says about itself, unread.

    Args:
        cfg (Config): Of the host that is the default scope.
    """
    dataset: Mapping[str, Any] = dict(
        cfg.test_dataloader.dataset, pipeline=[], lazy_init=True, test_mode=True
    )
    return dict(DATASETS.build(dataset).metainfo)
