"""Reading and writing checkpoints of every format, told by content, without running code."""

import json
import os
import re
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

from ..core.atomic_files import move_whole
from ..core.file_type import fault_of, sha256_of
from .allow_list import (
    DOWNLOAD_AGAIN,
    INDEX_FILE,
    TRUST_ADVICE,
    TRUST_VARIABLE,
    first_lines,
    read_torch,
)

SUFFIXES = ('.safetensors', '.pth')
_DEEPSPEED_FILE = 'mp_rank_00_model_states.pt'
_EXPORTS = {'torchscript': 'TorchScript archive', 'torch_export': 'torch.export program'}
_ORDINARY = 'The ordinary checkpoint (.pth or .safetensors) of the same model'
_LEGACY_TORCH_MAGIC = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def is_folder_checkpoint(path: Path) -> bool:
    """Whether a folder is one checkpoint: in shards, of DeepSpeed, or of transformers."""
    files = (INDEX_FILE, _DEEPSPEED_FILE)
    return any((path / name).is_file() for name in files) or bool(_transformers_files(path))


def _transformers_files(path: Path) -> list[Path]:
    """The weights in a folder of ``save_pretrained``."""
    is_one = (path / 'config.json').is_file()
    return sorted(path.glob('model*.safetensors')) if is_one else []


def detect_format(path: str | Path) -> str:
    """Tell the format of a checkpoint file from its content.

    Args:
        path (str | Path): The file.

    Returns:
        str: 'safetensors', 'torch' (zip or legacy), 'torchscript', 'torch_export', or of a folder
        'sharded', 'deepspeed' (without ZeRO-3) or 'transformers'.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is another directory, empty, a Git LFS pointer, a web page, cut
            short, or of an unknown format.
    """
    path = Path(path).expanduser()
    if (path / INDEX_FILE).is_file():
        return 'sharded'
    if (path / _DEEPSPEED_FILE).is_file():
        return 'deepspeed'
    if _transformers_files(path):
        return 'transformers'
    if path.is_dir():
        if any(path.glob('zero_pp_rank_*_model_states.pt')):
            text = f'{path} is of DeepSpeed (ZeRO-3), its weights are spread over processes'
            raise ValueError(f'{text}: make one file with the `zero_to_fp32.py` beside it')
        raise ValueError(f'{path} is a directory, but a checkpoint file was expected')
    if not path.is_file():
        remedy = 'Check the path, or download the file first.'
        raise FileNotFoundError(f'the checkpoint {path} does not exist. {remedy}')
    if fault := fault_of(path):
        advice = {
            'a Git LFS pointer': 'Run `git lfs pull` in its repository, or download it there.',
            'a web page': 'The server sent an error or a login page: sign in if the file needs it.',
        }
        remedy = next((text for what, text in advice.items() if what in fault), DOWNLOAD_AGAIN)
        raise ValueError(f'{path} is {fault}. {remedy}')
    with path.open('rb') as file:
        start = file.read(256)
    if start.startswith(b'PK'):
        return _detect_zip(path)
    if start.startswith(_LEGACY_TORCH_MAGIC):
        return 'torch'
    if len(start) > 8 and start[8:9] == b'{':
        size = path.stat().st_size
        if int.from_bytes(start[:8], 'little') + 8 > size:
            text = f'{path} ends inside its header ({size} bytes): the download was cut short'
            raise ValueError(f'{text}. {DOWNLOAD_AGAIN}')
        return 'safetensors'
    if start.lstrip().startswith(b'{'):
        text = f'{path} holds JSON text, not weights: {start[:80]!r}, perhaps a message of a server'
        raise ValueError(f'{text}. {DOWNLOAD_AGAIN}')
    known = 'neither a file of torch.save, nor safetensors, nor TorchScript, nor torch.export'
    raise ValueError(f'{path} is not a checkpoint: it is {known} (it starts with {start[:16]!r})')


def _detect_zip(path: Path) -> str:
    """Which of torch's archives a zip file is."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        text = f'{path} is an archive without its end ({path.stat().st_size} bytes)'
        raise ValueError(f'{text}: the download was cut short. {DOWNLOAD_AGAIN}') from None
    inner = {name.split('/', 1)[-1] for name in names}
    if 'constants.pkl' in inner or any(n.startswith('code/') for n in inner):
        return 'torchscript'
    signs = re.compile(r'archive_format$|models/|.*exported_program\.json$', re.DOTALL)
    if any(map(signs.match, inner)):
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
        mmap (bool): Whether tensors of a file of ``torch.save`` are read when they are first used,
            where its format allows that; those of safetensors always are. Defaults to False.

    Returns:
        dict[str, Any]: What ``torch.save`` stored, or else ``dict(state_dict=..., meta=...)``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or code in it would have to run, as with every
            TorchScript archive and torch.export program.
    """
    path = Path(path).expanduser()
    kind = detect_format(path)
    if kind == 'sharded':
        from .sharded import read_sharded  # takes seconds

        return read_sharded(path, map_location)
    if kind == 'safetensors':
        return _read_safetensors(path, map_location)
    if kind == 'transformers':
        parts = [_read_safetensors(file, map_location) for file in _transformers_files(path)]
        tensors = {key: value for part in parts for key, value in part['state_dict'].items()}
        try:
            config = json.loads((path / 'config.json').read_text(encoding='utf-8'))
        except ValueError as error:
            text = f'{path / "config.json"} is damaged or was cut short ({error})'
            raise ValueError(f'{text}. {DOWNLOAD_AGAIN}') from None
        return dict(state_dict=tensors, meta=dict(parts[0]['meta'], transformers=config))
    if trust_pickle is None:
        trust_pickle = os.environ.get(TRUST_VARIABLE, '0') == '1'
    if kind == 'deepspeed':
        content = read_torch(path / _DEEPSPEED_FILE, map_location, trust_pickle, mmap)
        return dict(state_dict=content['module'], meta=content.get('meta') or {})
    if kind == 'torch':
        return read_torch(path, map_location, trust_pickle, mmap and zipfile.is_zipfile(path))
    if not trust_pickle:
        # torch.export.load unpickles without limits, and TorchScript runs the `__setstate__` of the
        # modules in the archive.
        text = f'{path} was refused: it is a {_EXPORTS[kind]}, and opening it may run code in it'
        raise ValueError(f'{text}. {TRUST_ADVICE} {_ORDINARY} needs no trust.')
    return _read_export(path, kind, map_location or 'cpu')


def read_meta(path: str | Path) -> Any:
    """What a checkpoint has beside tensors, under ``meta``, without reading them."""
    path = Path(path).expanduser()
    if detect_format(path) == 'sharded':
        from .sharded import read_training  # takes seconds

        return read_training(path).get('meta')
    return read_checkpoint(path, 'cpu', mmap=True).get('meta')


def _read_safetensors(path: Path, map_location: Any) -> dict[str, Any]:
    device = 'cpu' if map_location is None else str(map_location)
    try:
        with safe_open(path, framework='pt', device=device) as file:
            keys = file.keys()  # the file itself is not iterable
            state_dict = {key: file.get_tensor(key) for key in keys}
            meta = dict(file.metadata() or {})
    except SafetensorError as error:
        text = f'{path} is damaged or was cut short ({error}). {DOWNLOAD_AGAIN}'
        raise ValueError(text) from error
    # The format stores strings only; write_checkpoint stores JSON.
    return dict(state_dict=state_dict, meta=json.loads(meta['meta']) if 'meta' in meta else meta)


def _read_export(path: Path, kind: str, map_location: Any) -> dict[str, Any]:
    try:
        if kind == 'torchscript':
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # torch.jit is deprecated
                weights = dict(torch.jit.load(str(path), 'cpu').state_dict())
        else:
            weights = dict(torch.export.load(str(path)).state_dict)
    except Exception as error:  # the formats change with torch's versions
        text = f'{path} is a {_EXPORTS[kind]} that this torch ({torch.__version__}) cannot open'
        remedy = f'{_ORDINARY} needs none'
        raise ValueError(f'{text}. {remedy}. The reason: {first_lines(error)}') from error
    weights = {key: tensor.detach().to(map_location) for key, tensor in weights.items()}
    return dict(state_dict=weights, meta=dict(source=kind.replace('_', '.')))


def write_checkpoint(
    state_dict: Mapping[str, Tensor],
    path: str | Path,
    meta: Mapping[str, Any] | None = None,
    with_hash: bool = False,
) -> Path:
    """Write weights to a file that appears only when it is complete.

    Args:
        state_dict (Mapping[str, Tensor]): The weights.
        path (str | Path): Where to; its folder is made if needed. The suffix, ``.safetensors`` or
            ``.pth``, selects the format; a ValueError for others.
        meta (Mapping[str, Any], optional): Further facts; JSON values for ``.safetensors``.
        with_hash (bool): Whether to add a dash and the first eight digits of the file's SHA-256 to
            its name, as OpenMMLab does. Defaults to False.

    Returns:
        Path: The file written.
    """
    path = Path(path).expanduser()
    if path.suffix not in SUFFIXES:
        raise ValueError(f'the suffix of {path} must be one of {SUFFIXES}, but got {path.suffix!r}')
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in state_dict.items()}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f'.{path.stem}-') as folder:
        partial = Path(folder, path.name)
        if path.suffix == '.pth':
            torch.save(dict(state_dict=tensors, meta=dict(meta or {})), partial)
        else:  # without tensors that share memory
            tensors = {key: tensor.clone() for key, tensor in tensors.items()}
            save_file(tensors, partial, dict(format='pt', meta=json.dumps(dict(meta or {}))))
        if with_hash:
            path = path.with_name(f'{path.stem}-{sha256_of(partial)[:8]}{path.suffix}')
        move_whole(partial, path)
    return path
