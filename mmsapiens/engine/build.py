"""Models from hosts' configs, without random weights on the way."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from ..checkpoints.loading import load_checkpoint, without_parameter_memory


def read_config(path: str | Path) -> Config:
    """Read a config file; modules that it imports lie beside it, or in the working directory."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'the config {path} does not exist. Check the path; those of mmsapiens are under '
            'configs/.'
        )
    folders = (str(path.resolve().parent), str(Path.cwd()))
    sys.path += [each for each in folders if each not in sys.path]
    try:
        return Config.fromfile(str(path))
    except SyntaxError as error:
        raise SyntaxError(
            f'the config {path}, or one that it inherits from, is not valid Python: {error}'
        ) from None
    except ImportError as error:
        reason = error.__cause__ or error.__context__ or error
        raise ImportError(
            f'the config {path} imports a module that is neither installed nor beside it, nor in '
            f'the working directory: {reason}. Run in its folder, or set PYTHONPATH.'
        ) from error


def build_without_weights(config: str | Path | Mapping[str, Any]) -> nn.Module:
    """Build the model of a config file, a config or that of a model, without memory for weights."""
    whole: Any = read_config(config) if isinstance(config, (str, Path)) else config
    model_cfg, scope = whole, None
    if 'model' in whole:
        model_cfg, scope = whole['model'], whole.get('default_scope')
    if 'type' not in model_cfg:
        raise KeyError(
            'the config must have a `model`, or be one and have a `type`, '
            f'but it has {sorted(map(str, whole))[:8]}'
        )
    if 'data_preprocessor' in whole and model_cfg is not whole:
        default = {'data_preprocessor': whole['data_preprocessor']}
        model_cfg = {**default, **model_cfg}
    with DefaultScope.overwrite_default_scope(scope), without_parameter_memory():
        return MODELS.build(ConfigDict(model_cfg))


def load_model(
    config: str | Path | Mapping[str, Any],
    checkpoint: str | Path,
    device: str | torch.device = 'cpu',
    dtype: torch.dtype | None = None,
    trust_pickle: bool | None = None,
) -> nn.Module:
    """The model of a config, as for :func:`build_without_weights`, with a checkpoint's weights.

    Equal to building it, :func:`mmsapiens.checkpoints.load_checkpoint` and ``eval()``, but nothing
    is initialized at random and, on the CPU, weights of the wanted dtype are mapped into memory, so
    that processes share them: the file must not be cut short while the model lives. Buffers keep
    their ``dtype``. ``load_report`` is its :class:`mmsapiens.checkpoints.LoadReport`.
    """
    model = build_without_weights(config)
    model.load_report = load_checkpoint(model, checkpoint, trust_pickle=trust_pickle, dtype=dtype)
    return model.to(device).eval()
