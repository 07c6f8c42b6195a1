"""Images of tar shards: reading parts, and the dataset."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from mmengine.fileio import LocalBackend, get_file_backend

from ...core.atomic_files import atomic_write
from ...core.errors import BadSampleError
from ...engine.fsspec_backend import FsspecBackend
from ...inference.prefetch import map_ahead
from ...io.shards import INDEX_SUFFIX, MANIFEST, Manifest, ShardIndex
from ...registry import DATASETS
from .subsets import NumberSet, choose_names
from .unlabelled_image_dataset import UnlabelledImageDataset

MAX_OPEN = 32
NUM_INDEXES = 64
INDEXES_AHEAD = 16
"""Of a list of names, indexes that are fetched at a time: object storage answers slowly."""


class ShardStore:
    """Reads bytes of the shards in a folder or on object storage.

    On a disk and with the 'fsspec' backend it reads where an image is. Other backends only have
    whole files: such a shard is copied once to ``cache_dir``, which all processes of a machine
    share, and the ones unused for longest are removed.
    """

    def __init__(
        self,
        root: str,
        backend_args: dict | None = None,
        cache_dir: str | None = None,
        cache_gb: float = 100,
    ) -> None:
        self.root = root.rstrip('/')
        self.backend = get_file_backend(root, backend_args=backend_args)
        is_local = isinstance(self.backend, LocalBackend)
        self.in_parts = cache_dir is None and isinstance(self.backend, FsspecBackend)
        if not (is_local or self.in_parts or cache_dir):
            raise ValueError(
                f'`cache_dir` is needed for {root}: a folder on a local disk for copies of shards. '
                "`backend_args=dict(backend='fsspec')` reads parts of shards and needs none."
            )
        self.cache_dir = Path(cache_dir) if cache_dir and not is_local else None
        self.max_bytes = int(cache_gb * 1e9)
        self._open: OrderedDict[str, int] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_open': OrderedDict()}

    def get(self, name: str) -> bytes:
        """A whole file, as it is (for small ones)."""
        return self.backend.get(f'{self.root}/{name}')

    def read(self, name: str, offset: int, size: int) -> bytes:
        """``size`` bytes of a shard; a BadSampleError if it ends before."""
        path = f'{self.root}/{name}'
        try:
            if self.in_parts:
                content = self.backend.get_range(path, offset, size)
            else:
                content = _pread(self._file_number(name), size, offset)
        except FileNotFoundError:
            raise FileNotFoundError(
                f'the shard {path} does not exist, but it is in the list of shards. '
                'Copy it there, or pack again.'
            ) from None
        if len(content) < size:
            raise BadSampleError(
                f'the shard {path} was cut short: bytes {offset} to {offset + size} are not all '
                'there. Pack it again.'
            )
        return content

    def _file_number(self, name: str) -> int:
        if name not in self._open:
            if self.cache_dir:
                self._open[name] = self._open_copy(self.cache_dir, name)
            else:
                self._open[name] = os.open(f'{self.root}/{name}', os.O_RDONLY)
            if len(self._open) > MAX_OPEN:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(name)
        return self._open[name]

    def _open_copy(self, folder: Path, name: str) -> int:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f'{name}.lock'):
            if not path.is_file():
                atomic_write(self.get(name), path)
            os.utime(path)
            opened = os.open(path, os.O_RDONLY)
        with FileLock(folder / '.lock'):
            shards = [(shard, shard.stat()) for shard in folder.rglob('*.tar')]
            used = sum(stat.st_size for _, stat in shards)
            for shard, stat in sorted(shards, key=lambda pair: pair[1].st_mtime_ns):
                if used > self.max_bytes and shard != path:
                    shard.unlink()  # those that have it open keep reading it
                    used -= stat.st_size
        return opened


def _pread(file_number: int, size: int, offset: int) -> bytes:
    """As ``os.pread``, which may give less than there is."""
    content = b''
    while more := os.pread(file_number, size - len(content), offset + len(content)):
        content += more
    return content


@lru_cache(NUM_INDEXES)
def load_index(store: ShardStore, shard: str, count: int) -> ShardIndex:
    """The index of a shard of ``count`` images."""
    path = f'{store.root}/{shard}{INDEX_SUFFIX}'
    index = ShardIndex.loads(store.get(shard + INDEX_SUFFIX), path)
    if len(index) != count:
        raise ValueError(f'{path} lists {len(index)} images, but {MANIFEST} {count}. Pack again.')
    return index


@DATASETS.register_module()
class ShardedImageDataset(UnlabelledImageDataset):
    """Unlabelled images in tar shards (webdataset layout) with an index.

    The index makes any image a seek away, so that the order is the sampler's: the same for any
    number of workers, and resumable at any sample. ``ResumableSampler`` reads few shards at a time.

    Args:
        data_root (str): Folder with ``shards.json``, written by ``tools/dataset/pack_shards.py``;
            may be on object storage.
        subset_file (str, optional): List file of the names inside the shards to use; reads all
            indexes. A list in the order of the shards takes a bit for each image of theirs, 42 MB
            for 300 million. Defaults to None, all.
        backend_args (dict, optional): File backend of mmengine; ``dict(backend='fsspec')`` reads
            images out of shards on object storage. Defaults to None, by ``data_root``.
        cache_dir (str, optional): For object storage: folder on a local disk that takes copies of
            shards. Defaults to None.
        cache_gb (float): Its size. It should hold a few times ``window`` of the sampler for each
            process of the machine. Defaults to 100.
        **kwargs: See :class:`UnlabelledImageDataset`.

    Raises:
        FileNotFoundError: If there is no ``shards.json``.
        ValueError: If it is something else, or lists no images.
    """

    def __init__(
        self,
        data_root: str,
        *,
        subset_file: str | None = None,
        backend_args: dict | None = None,
        cache_dir: str | None = None,
        cache_gb: float = 100,
        **kwargs: Any,
    ) -> None:
        self.store = ShardStore(data_root, backend_args, cache_dir, cache_gb)
        self.subset_file = subset_file
        super().__init__(**kwargs)

    def open_source(self) -> int:
        """Read the list of shards."""
        path = f'{self.store.root}/{MANIFEST}'
        try:
            content = self.store.get(MANIFEST)
        except FileNotFoundError:
            raise FileNotFoundError(
                f'{path} does not exist. Pack images with `tools/dataset/pack_shards.py`; for '
                'shards that exist, write it with `--index-only`.'
            ) from None
        self.manifest = Manifest.loads(content, path)
        self.ends = np.cumsum(self.manifest.counts, dtype=np.int64)
        if not len(self.ends) or self.ends[-1] == 0:
            raise ValueError(f'{path} lists no images')
        if self.subset_file is not None:
            if self.max_samples is not None:
                raise ValueError('give `subset_file` or `max_samples`, not both')
            self._chosen = choose_names(self.subset_file, int(self.ends[-1]), self._all_names)
        return int(self.ends[-1])

    def _index(self, shard: int) -> ShardIndex:
        return load_index(self.store, self.manifest.names[shard], self.manifest.counts[shard])

    def _all_names(self) -> Iterator[tuple[int, list[str]]]:
        read = partial(load_index.__wrapped__, self.store)  # each once: none is kept
        shards = zip(self.manifest.names, self.manifest.counts)
        pool = ThreadPoolExecutor(INDEXES_AHEAD, 'mmsapiens-indexes')
        found = map_ahead(lambda shard: read(*shard), shards, pool, INDEXES_AHEAD)
        with pool, closing(found):
            for end, index in zip(self.ends.tolist(), found):
                yield end - len(index), index.names

    @property
    def block_sizes(self) -> np.ndarray | None:
        """Images of the dataset in each shard (int64); None if not in the shards' order."""
        self.full_init()
        if self._chosen is None:
            return np.asarray(self.manifest.counts, dtype=np.int64)
        if isinstance(self._chosen, NumberSet):
            return np.diff(self._chosen.counts_below(self.ends), prepend=0)
        if (np.diff(self._chosen) <= 0).any():
            return None
        return np.diff(np.searchsorted(self._chosen, self.ends), prepend=0)

    def _locate(self, number: int) -> tuple[int, ShardIndex, int]:
        shard = int(np.searchsorted(self.ends, number, side='right'))
        start = int(self.ends[shard]) - self.manifest.counts[shard]
        return shard, self._index(shard), number - start

    def get_name(self, number: int) -> str:
        """Shard and name inside it."""
        shard, index, entry = self._locate(number)
        return f'{self.manifest.names[shard]}/{index.names[entry]}'

    def read(self, number: int) -> bytes:
        """File of an image."""
        shard, index, entry = self._locate(number)
        return self.store.read(self.manifest.names[shard], index.offsets[entry], index.sizes[entry])
