"""One file: what format it is of, reading and writing it.

A file is recognised by its content, never by its name: the released ``.pt2`` files, for one, are of
two different formats. No code from a file is run unless its user says that it may.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..core.file_type import fault_of
from .allow_list import allow_training_checkpoints

INDEX_FILE = '.metadata'
"""In the folder of a sharded checkpoint."""
TRUST_VARIABLE = 'MMSAPIENS_TRUST_PICKLE'
DOWNLOAD_AGAIN = 'Delete it and download it again.'
EXPORT_FORMATS = {'torchscript': 'TorchScript archive', 'torch_export': 'torch.export program'}
TRUST_ADVICE = (
    f'If you trust its origin, set {TRUST_VARIABLE}=1, or convert it once '
    'with `tools/convert_checkpoint.py FILE OUT --trust-pickle`.'
)
_LEGACY_TORCH_MAGIC = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def file_format(path: Path) -> str:
    """Tell the format of a file from its content."""
    size = path.stat().st_size
    with path.open('rb') as file:
        start = file.read(256)
    if fault := fault_of(path):
        advice = {
            'a Git LFS pointer': 'Run `git lfs pull` in its repository, or download it there.',
            'a web page': 'The server sent an error or a login page: sign in if the file needs it.',
        }
        remedy = next((text for what, text in advice.items() if what in fault), DOWNLOAD_AGAIN)
        raise ValueError(f'{path} is {fault}. {remedy}')
    if start.startswith(b'PK'):
        return _detect_zip(path)
    if start.startswith(_LEGACY_TORCH_MAGIC):
        return 'torch'
    if len(start) > 8 and start[8:9] == b'{':
        header = int.from_bytes(start[:8], 'little')
        if header + 8 > size:
            raise ValueError(
                f'{path} ends inside its header ({size} bytes): '
                f'the download was cut short. {DOWNLOAD_AGAIN}'
            )
        return 'safetensors'
    if start.lstrip().startswith(b'{'):
        raise ValueError(
            f'{path} holds JSON text, not weights: '
            f'{start[:80]!r}. The server may have answered with '
            f'an error message. {DOWNLOAD_AGAIN}'
        )
    raise ValueError(
        f'{path} is not a checkpoint: it is neither a file of torch.save, '
        'nor safetensors, nor TorchScript, nor torch.export (it starts with '
        f'{start[:16]!r})'
    )


def _detect_zip(path: Path) -> str:
    """Which of torch's archives a zip file is."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise ValueError(
            f'{path} is an archive without its end ({path.stat().st_size} '
            f'bytes): the download was cut short. {DOWNLOAD_AGAIN}'
        ) from None
    inner = {name.split('/', 1)[-1] for name in names}
    if 'constants.pkl' in inner or any(n.startswith('code/') for n in inner):
        return 'torchscript'
    if 'archive_format' in inner or any(
        n.endswith('exported_program.json') or n.startswith('models/') for n in inner
    ):
        return 'torch_export'
    if 'data.pkl' in inner:
        return 'torch'
    raise ValueError(f'{path} is a zip file, but none of torch: it holds {sorted(inner)[:5]}')


def read_file(
    path: Path, kind: str, map_location: Any, trust_pickle: bool, mmap: bool = False
) -> dict[str, Any]:
    """Read a file of a format of :func:`file_format`; see :func:`read_checkpoint`."""
    if kind == 'safetensors':
        return _read_safetensors(path, map_location)
    if kind == 'torch':
        return read_torch(path, map_location, trust_pickle, mmap and zipfile.is_zipfile(path))
    if not trust_pickle:
        # torch.export.load unpickles without limits, and TorchScript runs the `__setstate__` of the
        # modules in the archive.
        raise ValueError(
            f'{path} was refused: it is a {EXPORT_FORMATS[kind]}, and opening '
            f'it may run code in it. {TRUST_ADVICE} The ordinary checkpoint '
            '(.pth or .safetensors) of the same model needs no trust.'
        )
    read = _read_torchscript if kind == 'torchscript' else _read_torch_export
    return read(path, map_location)


def read_torch(
    path: Path, map_location: Any, trust_pickle: bool = False, mmap: bool = False
) -> dict[str, Any]:
    """Read a file of ``torch.save``."""
    allow_training_checkpoints()
    try:
        loaded = torch.load(
            path, map_location=map_location, weights_only=not trust_pickle, mmap=mmap or None
        )
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{path} was refused: it needs code to be run while it is '
            f'unpickled. {TRUST_ADVICE} The reason: {_first_lines(error)}'
        ) from None
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(
            f'{path} cannot be read, it is damaged or was cut '
            f'short. {DOWNLOAD_AGAIN} The reason: '
            f'{_first_lines(error)}'
        ) from error
    if not isinstance(loaded, Mapping):
        raise ValueError(
            f'{path} must hold a dict of weights, but it holds a {type(loaded).__name__}'
        )
    return loaded  # type: ignore[return-value]


def _first_lines(error: Exception) -> str:
    """The part of an error of torch that names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if 'GLOBAL' in line or 'global' in line]
    return (causes or lines or [type(error).__name__])[0]


def _read_safetensors(path: Path, map_location: Any) -> dict[str, Any]:
    device = 'cpu' if map_location is None else str(map_location)
    try:
        with safe_open(path, framework='pt', device=device) as file:
            keys = file.keys()  # the file itself is not iterable
            state_dict = {key: file.get_tensor(key) for key in keys}
            meta = dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(
            f'{path} is damaged or was cut short ({error}). {DOWNLOAD_AGAIN}'
        ) from error
    # The format stores strings only; write_checkpoint stores JSON.
    if 'meta' in meta:
        meta = json.loads(meta['meta'])
    return dict(state_dict=state_dict, meta=meta)


def _read_torchscript(path: Path, map_location: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch.jit is deprecated
        try:
            module = torch.jit.load(str(path), map_location or 'cpu')
        except RuntimeError as error:
            raise ValueError(
                f'{path} is a TorchScript archive that this torch '
                f'({torch.__version__}) cannot open. Use the ordinary '
                'checkpoint (.pth or .safetensors) of the same model. The '
                f'reason: {_first_lines(error)}'
            ) from error
        state_dict = dict(module.state_dict())
    return dict(state_dict=state_dict, meta=dict(source='torchscript'))


def _read_torch_export(path: Path, map_location: Any) -> dict[str, Any]:
    try:
        program = torch.export.load(str(path))
    except Exception as error:  # the format changes with torch's versions
        raise ValueError(
            f'{path} is a torch.export program that this torch '
            f'({torch.__version__}) cannot open. Use the ordinary checkpoint '
            '(.pth or .safetensors) of the same model. The reason: '
            f'{_first_lines(error)}'
        ) from error
    state_dict = {
        key: tensor.detach().to(map_location or 'cpu') for key, tensor in program.state_dict.items()
    }
    return dict(state_dict=state_dict, meta=dict(source='torch.export'))


def is_whole_archive(path: Path) -> bool:
    """Whether a file of torch.save has its end; tensors are not read."""
    try:
        with zipfile.ZipFile(path) as file:
            return bool(file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def write_file(
    state_dict: Mapping[str, Tensor], path: Path, meta: Mapping[str, Any], kind: str
) -> None:
    """Write weights, as '.safetensors' or '.pth'; ``meta`` of the first must be JSON values."""
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in state_dict.items()}
    if kind == '.pth':
        torch.save(dict(state_dict=tensors, meta=dict(meta)), path)
        return
    # Tensors that share memory are not allowed in this format.
    tensors = {key: tensor.clone() for key, tensor in tensors.items()}
    save_file(tensors, path, metadata=dict(format='pt', meta=json.dumps(dict(meta))))
