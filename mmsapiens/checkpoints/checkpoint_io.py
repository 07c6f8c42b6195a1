"""Reading and writing checkpoint files.

A file is recognised by its content, never by its name: the released ``.pt2`` files, for one, are of
two different formats. No code from a file is run unless its user says that it may, and a file
appears under its final name only when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .safe_load import allow_training_checkpoints
from .sharded import is_sharded, read_sharded

TRUST_VARIABLE = 'MMSAPIENS_TRUST_PICKLE'
DOWNLOAD_AGAIN = 'Delete it and download it again.'
SUFFIXES = ('.safetensors', '.pth')
EXPORT_FORMATS = {'torchscript': 'TorchScript archive', 'torch_export': 'torch.export program'}
TRUST_ADVICE = (
    f'If you trust its origin, set {TRUST_VARIABLE}=1, or convert it once '
    'with `tools/convert_checkpoint.py FILE OUT --trust-pickle`.'
)

_HTML_STARTS = (b'<!doctype', b'<html', b'<?xml', b'<head')
_LFS_START = b'version https://git-lfs'
_LEGACY_TORCH_MAGIC = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def detect_format(path: str | Path) -> str:
    """Tell the format of a checkpoint file from its content.

    Args:
        path (str | Path): The file.

    Returns:
        str: 'safetensors', 'torch' (zip or legacy), 'torchscript', 'torch_export' or 'sharded' (the
        folder of a sharded checkpoint).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is another directory, empty, a Git LFS pointer, a web page, cut
            short, or of an unknown format.
    """
    path = Path(path).expanduser()
    if is_sharded(path):
        return 'sharded'
    if path.is_dir():
        raise ValueError(f'{path} is a directory, but a checkpoint file was expected')
    if not path.is_file():
        raise FileNotFoundError(
            f'the checkpoint {path} does not exist. Check the path, or download the file first.'
        )
    size = path.stat().st_size
    with path.open('rb') as file:
        start = file.read(256)
    if size == 0:
        raise ValueError(f'{path} is empty. {DOWNLOAD_AGAIN}')
    if start.startswith(_LFS_START):
        raise ValueError(
            f'{path} is a Git LFS pointer, not the checkpoint itself. Run '
            '`git lfs pull` in its repository, or download the file from '
            'its web page.'
        )
    if start.lstrip().lower().startswith(_HTML_STARTS):
        raise ValueError(
            f'{path} is a web page, not a checkpoint: the server sent an '
            'error or a login page. Download it again, signed in if the file '
            'needs it.'
        )
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


def read_checkpoint(
    path: str | Path, map_location: Any = None, trust_pickle: bool | None = None, mmap: bool = False
) -> dict[str, Any]:
    """Read a checkpoint of any format that :func:`detect_format` knows.

    Args:
        path (str | Path): The file.
        map_location (str | torch.device, optional): Where tensors go. Defaults to None, the CPU for
            all formats but 'torch', where it is where they were saved from.
        trust_pickle (bool, optional): Whether code in the file may run. Defaults to None, which
            reads the environment variable ``MMSAPIENS_TRUST_PICKLE`` (1 or 0, 0 if unset).
        mmap (bool): Whether tensors of a file of ``torch.save`` are read from it when they are
            first used, where its format allows that; those of safetensors always are. Defaults to
            False.

    Returns:
        dict[str, Any]: What ``torch.save`` stored. The other formats give ``dict(state_dict=...,
        meta=...)``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or code in it would have to run, as with every
            TorchScript archive and torch.export program.
    """
    path = Path(path).expanduser()
    kind = detect_format(path)
    if kind == 'safetensors':
        return _read_safetensors(path, map_location)
    if kind == 'sharded':
        return read_sharded(path, map_location)
    if trust_pickle is None:
        trust_pickle = os.environ.get(TRUST_VARIABLE, '0') == '1'
    if kind == 'torch':
        mmap = mmap and zipfile.is_zipfile(path)
        return _read_torch(path, map_location, trust_pickle, mmap)
    if not trust_pickle:
        # torch.export.load unpickles without limits, and TorchScript runs the `__setstate__` of the
        # modules in the archive.
        raise ValueError(
            f'{path} was refused: it is a {EXPORT_FORMATS[kind]}, and opening '
            f'it may run code in it. {TRUST_ADVICE} The ordinary checkpoint '
            '(.pth or .safetensors) of the same model needs no trust.'
        )
    if kind == 'torchscript':
        return _read_torchscript(path, map_location)
    return _read_torch_export(path, map_location)


def _read_torch(path: Path, map_location: Any, trust_pickle: bool, mmap: bool) -> dict[str, Any]:
    allow_training_checkpoints()
    try:
        loaded = torch.load(
            path, map_location=map_location, weights_only=not trust_pickle, mmap=mmap or None
        )
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{path} was refused: it needs code to be run while it is '
            f'unpickled. If you trust its origin, set {TRUST_VARIABLE}=1, or '
            'convert it once with `tools/convert_checkpoint.py FILE OUT '
            f'--trust-pickle`. The reason: {_first_lines(error)}'
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


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    with Path(path).open('rb') as file:
        return (
            hashlib.file_digest(file, 'sha256').hexdigest()
            if hasattr(hashlib, 'file_digest')
            else _sha256_in_blocks(file)
        )


def _sha256_in_blocks(file: Any) -> str:
    """``hashlib.file_digest`` for Python 3.10."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def write_checkpoint(
    state_dict: Mapping[str, Tensor],
    path: str | Path,
    meta: Mapping[str, Any] | None = None,
    with_hash: bool = False,
) -> Path:
    """Write weights to a file that appears only when it is complete.

    Args:
        state_dict (Mapping[str, Tensor]): The weights.
        path (str | Path): Where to; the suffix, ``.safetensors`` or ``.pth``, selects the format.
            Its folder is made if needed.
        meta (Mapping[str, Any], optional): Further facts; for ``.safetensors`` they must be JSON
            values. Defaults to None.
        with_hash (bool): Whether to add a dash and the first eight digits of the file's SHA-256 to
            its name, as OpenMMLab does. Defaults to False.

    Returns:
        Path: The file written.

    Raises:
        ValueError: If the suffix is another one.
    """
    path = Path(path).expanduser()
    if path.suffix not in SUFFIXES:
        raise ValueError(f'the suffix of {path} must be one of {SUFFIXES}, but got {path.suffix!r}')
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in state_dict.items()}
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.stem}-', suffix='.tmp')
    os.close(handle)
    temporary = Path(name)
    try:
        if path.suffix == '.safetensors':
            # Tensors that share memory are not allowed in this format.
            tensors = {key: tensor.clone() for key, tensor in tensors.items()}
            text = json.dumps(dict(meta or {}))
            save_file(tensors, temporary, metadata=dict(format='pt', meta=text))
        else:
            torch.save(dict(state_dict=tensors, meta=dict(meta or {})), temporary)
        temporary.chmod(0o644)
        if with_hash:
            digest = file_sha256(temporary)[:8]
            path = path.with_name(f'{path.stem}-{digest}{path.suffix}')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
