"""Reading and writing checkpoints of every format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.atomic_files import move_whole
from ..core.file_type import sha256_of
from .one_file import INDEX_FILE, TRUST_VARIABLE, file_format, read_file, write_file

SUFFIXES = ('.safetensors', '.pth')


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
    if (path / INDEX_FILE).is_file():
        return 'sharded'
    if path.is_dir():
        raise ValueError(f'{path} is a directory, but a checkpoint file was expected')
    if not path.is_file():
        raise FileNotFoundError(
            f'the checkpoint {path} does not exist. Check the path, or download the file first.'
        )
    return file_format(path)


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
    if kind == 'sharded':
        from .sharded import read_sharded  # takes seconds

        return read_sharded(path, map_location)
    if trust_pickle is None:
        trust_pickle = os.environ.get(TRUST_VARIABLE, '0') == '1'
    return read_file(path, kind, map_location, trust_pickle, mmap)


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
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f'.{path.stem}-') as folder:
        partial = Path(folder, path.name)
        write_file(state_dict, partial, meta or {}, path.suffix)
        if with_hash:
            path = path.with_name(f'{path.stem}-{sha256_of(partial)[:8]}{path.suffix}')
        move_whole(partial, path)
    return path
