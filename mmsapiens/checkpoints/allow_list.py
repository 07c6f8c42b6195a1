"""Files of ``torch.save``, read without running code."""

import argparse
import pickle
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import torch

INDEX_FILE = '.metadata'
"""In the folder of a sharded checkpoint."""
TRUST_VARIABLE = 'MMSAPIENS_TRUST_PICKLE'
DOWNLOAD_AGAIN = 'Delete it and download it again.'
TRUST_ADVICE = (
    f'If you trust its origin, set {TRUST_VARIABLE}=1, or convert it once '
    'with `tools/convert_checkpoint.py FILE OUT --trust-pickle`.'
)
_BUFFER_NAME = 'mmengine.logging.history_buffer.HistoryBuffer'


class HistoryBuffer:
    """Stands for MMEngine's class of this name, which files are read without."""

    @classmethod
    def mean(cls) -> None:
        """Files name methods of the class; no code of them is run."""

    min = max = current = mean


_buffer: type | None = None  # none is registered yet


def _buffer_method(owner: Any, name: str) -> Callable:
    """``getattr`` for unpickling, confined to the HistoryBuffer."""
    if owner is not _buffer or name.startswith('_'):
        text = f'refused to read the attribute {name!r} of {owner!r} while unpickling'
        raise pickle.UnpicklingError(text)
    return getattr(owner, name)


def allow_training_checkpoints(history_buffer: type | None = None) -> None:
    """Let ``torch.load(weights_only=True)`` read what MMEngine saves, numpy arrays and the
    ``HistoryBuffer`` of a training, and the arguments, paths and dates of other trainers.

    A HistoryBuffer pickles its methods as calls of ``getattr``; here they resolve to a function
    that knows this one class.
    """
    global _buffer
    if _buffer and history_buffer in (None, _buffer):
        return
    former, _buffer = _buffer, history_buffer or HistoryBuffer
    # Under numpy 1.26 `numpy._core` exists and is empty.
    core = getattr(np, '_core' if np.__version__ >= '2' else 'core')
    # torch's annotation leaves out the pair (object, name it is pickled as). The protocol of
    # torch.save writes empty bytes, those of an empty array, as a call of `bytes`. A part of a
    # config in `dataset_meta` is read as a plain dict.
    allowed: list[Any] = [bytes, frozenset, range, slice, np.ndarray, np.dtype]
    allowed += [(_buffer, _BUFFER_NAME), (dict, 'mmengine.config.config.ConfigDict')]
    allowed += [
        (getattr(core.multiarray, name), f'numpy.{parent}.multiarray.{name}')
        for name in ('_reconstruct', 'scalar')
        for parent in ('core', '_core')
    ]
    kinds = (kind for kind in vars(np.dtypes).values() if isinstance(kind, type))
    allowed += [kind for kind in kinds if issubclass(kind, np.dtype)]
    allowed.append((_buffer_method, 'builtins.getattr'))
    allowed += [argparse.Namespace, datetime, timedelta]
    allowed += [
        (kind, f'{module}.{kind.__name__.removeprefix("Pure")}')
        for module in ('pathlib', 'pathlib._local')  # the latter from Python 3.13 on
        for kind in (PurePosixPath, PureWindowsPath)
    ]
    others = torch.serialization.get_safe_globals()
    allowed += [each for each in others if each != (former, _BUFFER_NAME)]
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(allowed)


def read_torch(
    path: Path, map_location: Any, trust_pickle: bool = False, mmap: bool = False
) -> dict[str, Any]:
    """Read a file of ``torch.save``."""
    allow_training_checkpoints()
    try:
        options: Any = dict(weights_only=not trust_pickle, mmap=mmap or None)
        loaded = torch.load(path, map_location=map_location, **options)
    except pickle.UnpicklingError as error:
        text = f'{path} was refused: it needs code to be run while it is unpickled. {TRUST_ADVICE}'
        raise ValueError(f'{text} The reason: {first_lines(error)}') from None
    except (RuntimeError, EOFError, OSError) as error:
        text = f'{path} cannot be read, it is damaged or was cut short. {DOWNLOAD_AGAIN}'
        raise ValueError(f'{text} The reason: {first_lines(error)}') from error
    if not isinstance(loaded, Mapping):
        got = f'it holds a {type(loaded).__name__}'
        raise ValueError(f'{path} must hold a dict of weights, but {got}')
    return loaded  # type: ignore[return-value]


def first_lines(error: Exception) -> str:
    """The part of an error of torch that names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if 'global' in line.lower()]
    return (causes or lines or [type(error).__name__])[0]


def is_whole_archive(path: Path) -> bool:
    """Whether a file of ``torch.save`` has its end; tensors are not read."""
    try:
        with zipfile.ZipFile(path) as file:
            return bool(file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
