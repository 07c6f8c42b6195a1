"""Checkpoints in shards: a folder that every process writes a part of.

Tensors are as in ``torch.distributed.checkpoint``; all that is small is in ``training.pth``. No
code from a folder is run.
"""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata

from .allow_list import INDEX_FILE, is_whole_archive, read_torch

TRAINING_FILE = 'training.pth'
WEIGHTS = 'state_dict.'
"""What the names of the model's tensors start with."""

_INDEX_MODULE = 'torch.distributed.checkpoint.metadata'
_INDEX_NAMES = {
    *(('builtins', name) for name in ('dict', 'list', 'set')),
    ('collections', 'OrderedDict'),
    ('torch', 'Size'),
    ('torch.distributed.checkpoint.filesystem', '_StorageInfo'),
    ('torch.serialization', '_get_layout'),
}


class _IndexUnpickler(pickle.Unpickler):
    """Knows the classes of an index, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _INDEX_NAMES:
            return super().find_class(module, name)
        if module in ('pathlib', 'pathlib._local') and 'Path' in name:
            return PurePosixPath  # the folder that it was written to
        found = getattr(torch, name, None) if module == 'torch' else None
        if isinstance(found, (torch.dtype, torch.layout)):
            return found
        if module == _INDEX_MODULE and '.' not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f'it names {module}.{name}, which no index needs')


class _Reader(dcp.FileSystemReader):
    """The stock reader, without code from the folder."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        metadata = read_index(Path(self.path))
        if storage_meta := getattr(metadata, 'storage_meta', None):
            storage_meta.load_id = self.load_id
        return metadata


def read_index(folder: Path) -> Metadata:
    """What tensors a sharded checkpoint has, and where."""
    try:
        with (folder / INDEX_FILE).open('rb') as file:
            index = _IndexUnpickler(file).load()
    except (pickle.UnpicklingError, EOFError, OSError) as error:
        raise ValueError(f'the index {folder / INDEX_FILE} cannot be read: {error}') from None
    if not isinstance(index, Metadata):
        text = f'{folder / INDEX_FILE} must hold the index of a sharded checkpoint'
        raise ValueError(f'{text}, but it holds a {type(index).__name__}')
    return index


def is_sharded(path: str | Path) -> bool:
    """Whether a path is the folder of a sharded checkpoint."""
    return (Path(path) / INDEX_FILE).is_file()


def is_whole_folder(folder: Path) -> bool:
    """Whether a sharded checkpoint has all its files, in full length."""
    try:
        index = read_index(folder)
        ends: dict[str, int] = {}
        for place in index.storage_data.values():
            name, end = place.relative_path, place.offset + place.length
            ends[name] = max(end, ends.get(name, 0))
        sizes = {name: (folder / name).stat().st_size for name in ends}
    except (ValueError, OSError, AttributeError):
        return False
    are_whole = all(sizes[name] >= end for name, end in ends.items())
    return are_whole and is_whole_archive(folder / TRAINING_FILE)


def write_sharded(folder: Path, tensors: Mapping[str, Tensor], rest: Mapping[str, Any]) -> None:
    """Write this process's part; all processes call it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not dist.is_initialized() or dist.get_rank() == 0:
        torch.save(dict(rest), folder / TRAINING_FILE)
    dcp.save(dict(tensors), storage_writer=dcp.FileSystemWriter(folder))


def load_tensors(folder: str | Path, tensors: Mapping[str, Tensor], alone: bool = False) -> None:
    """Fill tensors, in place, from a checkpoint of any number of processes; ``alone`` if one reads
    by itself. One that is missing, or of another shape, is a ValueError.
    """
    stored = read_index(Path(folder)).state_dict_metadata
    for name, tensor in tensors.items():
        there = getattr(stored.get(name), 'size', None)
        if there is None or tuple(there) != tuple(tensor.shape):
            got = 'none' if there is None else tuple(there)
            text = f'{folder} must have `{name}` of shape {tuple(tensor.shape)}, but has {got}'
            raise ValueError(f'{text}. Use the config that it was trained with.')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that one process reads alone
        dcp.load(dict(tensors), storage_reader=_Reader(folder), no_dist=alone)


def read_sharded(folder: str | Path, map_location: Any = None) -> dict[str, Any]:
    """Read a sharded checkpoint as that of one process, without the optimizer."""
    folder = Path(folder)
    if not is_whole_folder(folder):
        text = f'the checkpoint {folder} is damaged: files are missing or cut short'
        raise ValueError(f'{text}. Copy it again.')
    tensors = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in read_index(folder).state_dict_metadata.items()
        if name.startswith(WEIGHTS) and isinstance(entry, TensorStorageMetadata)
    }
    load_tensors(folder, tensors, alone=True)
    checkpoint = read_training(folder)
    checkpoint.pop('optimizer', None)
    to = map_location or 'cpu'
    weights = {name.removeprefix(WEIGHTS): value.to(to) for name, value in tensors.items()}
    return dict(checkpoint, state_dict=weights)


def read_training(folder: str | Path) -> dict[str, Any]:
    """All of a sharded checkpoint that is not in shards."""
    return dict(read_torch(Path(folder) / TRAINING_FILE, 'cpu'))
