"""Models from hosts' configs, without random weights on the way."""

from __future__ import annotations

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
    """Read a config file; modules that it imports may lie beside it, or in the working directory.

    A file that does not exist is a FileNotFoundError, a module that cannot be imported an
    ImportError.
    """
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
    """Build the model of a config; its parameters have no memory.

    ``config`` is a file, a whole config or that of a model.
    """
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
    """Build a model with the weights of a checkpoint, ready to run.

    Equal to building it, :func:`mmsapiens.checkpoints.load_checkpoint` and ``eval()``, but nothing
    is initialized at random and, on the CPU, weights of the wanted dtype are not copied: a file of
    safetensors or ``torch.save`` is mapped into memory, so that processes share it. It must not be
    cut short while the model lives; replacing it is harmless.

    Args:
        config (str | Path | Mapping): A config file, a whole config, or the config of a model.
        checkpoint (str | Path): Any format and layout that ``load_checkpoint`` takes.
        device (str | torch.device): Where to. Defaults to 'cpu'.
        dtype (torch.dtype, optional): Of the parameters; buffers keep theirs. Defaults to None,
            that of the model, whatever the file has.
        trust_pickle (bool, optional): See :func:`mmsapiens.checkpoints.read_checkpoint`.
            Defaults to None.

    Returns:
        nn.Module: In evaluation mode, with its :class:`mmsapiens.checkpoints.LoadReport` as
        ``load_report``.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If the config has no model.
        ValueError: If the file is damaged, does not fit, or lacks a parameter of the model.
    """
    model = build_without_weights(config)
    model.load_report = load_checkpoint(model, checkpoint, trust_pickle=trust_pickle, dtype=dtype)
    return model.to(device).eval()
