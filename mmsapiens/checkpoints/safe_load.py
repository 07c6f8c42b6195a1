"""Loading checkpoints with torch >= 2.6, without running code from them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

_registered = False


def _history_buffer_method(owner: Any, name: str) -> Callable:
    """``getattr`` for unpickling, confined to mmengine's HistoryBuffer."""
    import pickle

    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name.startswith('_'):
        raise pickle.UnpicklingError(
            f'refused to read the attribute {name!r} of {owner!r} while unpickling a checkpoint'
        )
    return getattr(owner, name)


def allow_training_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)`` read what mmengine saves.

    That is numpy arrays (``dataset_meta``) and the ``HistoryBuffer`` of a training run. A
    HistoryBuffer pickles its methods as calls of ``getattr``; here they resolve to a function that
    knows this one class, so no file can reach anything else.
    """
    global _registered
    if _registered:
        return
    _registered = True
    import torch
    from mmengine.logging import HistoryBuffer

    # Under numpy 1.26 `numpy._core` exists and is empty.
    core = getattr(np, '_core' if np.__version__ >= '2' else 'core')
    # torch's annotation leaves out the pair (object, name it is pickled as).
    allowed: list[Any] = [np.ndarray, np.dtype, HistoryBuffer]
    allowed += [
        (getattr(core.multiarray, name), f'numpy.{parent}.multiarray.{name}')
        for name in ('_reconstruct', 'scalar')
        for parent in ('core', '_core')
    ]
    allowed += [
        kind
        for kind in vars(np.dtypes).values()
        if isinstance(kind, type) and issubclass(kind, np.dtype)
    ]
    allowed.append((_history_buffer_method, 'builtins.getattr'))
    torch.serialization.add_safe_globals(allowed)


def register_local_loader(checkpoint: ModuleType) -> None:
    """Read local files through :func:`mmsapiens.checkpoints.read_checkpoint`.

    ``torch.load`` refuses training checkpoints since 2.6, where the default became
    ``weights_only=True``: every resume fails. https://github.com/open-mmlab/mmengine/issues/1655

    The reader also takes ``.safetensors``, and says what is wrong with a file that is none of the
    known formats.

    Args:
        checkpoint (ModuleType): ``mmengine.runner.checkpoint``.
    """

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        from .checkpoint_io import read_checkpoint

        return read_checkpoint(filename, map_location=map_location)

    checkpoint.CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
