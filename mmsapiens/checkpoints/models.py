"""A model that is ready to run, without random weights on the way.

Parameters are built without memory and then *are* the tensors of the file, which the system reads
when they are first used. Buffers, such as the mean and deviation of a preprocessor, are built as
usual.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from .checkpoint_io import read_checkpoint
from .loading import LoadReport, load_weights


@contextmanager
def without_parameter_memory() -> Iterator[None]:
    """Parameters of modules built inside are on the meta device.

    Their initialization costs nothing. Buffers, and everything that is built in other threads, are
    not touched.
    """
    thread = threading.get_ident()

    def move(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or threading.get_ident() != thread:
            return None
        return nn.Parameter(parameter.to('meta'), requires_grad=parameter.requires_grad)

    handle = register_module_parameter_registration_hook(move)
    try:
        yield
    finally:
        handle.remove()


def build_without_weights(config: str | Path | Mapping[str, Any]) -> nn.Module:
    """Build the model of a config; its parameters have no memory.

    Args:
        config (str | Path | Mapping): A config file, a whole config, or the config of a model.

    Returns:
        nn.Module: In training mode, as modules are when they are built.

    Raises:
        KeyError: If the config has no model.
    """
    whole: Mapping[str, Any]
    if isinstance(config, (str, Path)):
        whole = Config.fromfile(str(Path(config).expanduser()))
    else:
        whole = config
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

    Equal to building it, :func:`mmsapiens.checkpoints.loading` and ``eval()``, but nothing is
    initialized at random and, on the CPU, weights of the wanted dtype are not copied: a file of
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
    model.load_report = assign_checkpoint(model, checkpoint, dtype, trust_pickle)
    return model.to(device).eval()


def assign_checkpoint(
    model: nn.Module,
    checkpoint: str | Path,
    dtype: torch.dtype | None = None,
    trust_pickle: bool | None = None,
) -> LoadReport:
    """Make the tensors of a checkpoint the parameters of a model.

    Args:
        model (nn.Module): Of :func:`build_without_weights`.
        checkpoint (str | Path): As in :func:`load_model`.
        dtype (torch.dtype, optional): As in :func:`load_model`.
        trust_pickle (bool, optional): As in :func:`load_model`.

    Returns:
        LoadReport: What was loaded, resized and dropped.

    Raises:
        ValueError: If the file does not fit, or lacks a parameter.
    """
    path = Path(checkpoint).expanduser()
    content = read_checkpoint(path, 'cpu', trust_pickle, mmap=True)
    dtypes = {name: dtype or parameter.dtype for name, parameter in model.named_parameters()}

    def assign(weights: dict[str, Tensor]) -> Any:
        weights = {
            name: tensor.to(dtypes.get(name, tensor.dtype)) for name, tensor in weights.items()
        }
        return model.load_state_dict(weights, strict=False, assign=True)

    report = load_weights(model, content, path, assign)
    lacking = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if lacking:
        raise ValueError(
            f'{path}: the checkpoint ({report.content}) lacks '
            f'{len(lacking)} parameters of the model: {lacking[:5]}. Use the '
            'checkpoint of the whole model, or build the model, initialize '
            'it and call `load_checkpoint`.'
        )
    return report
