"""Reading parts of shards on a disk or on object storage."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock
from mmengine.fileio import LocalBackend, get_file_backend

from ...core.atomic_files import atomic_write
from ...core.errors import BadSampleError
from ...engine.fsspec_backend import FsspecBackend

MAX_OPEN = 32


def _missing(path: str) -> FileNotFoundError:
    return FileNotFoundError(
        f'the shard {path} does not exist, but it is in the list of shards. '
        'Copy it there, or pack again.'
    )


class ShardStore:
    """Reads bytes of shards.

    On a disk (network file systems included) and with the 'fsspec' backend it reads where an image
    is. Other backends only have whole files: such a shard is copied once to ``cache_dir``, which
    all processes of a machine share, and the ones unused for longest are removed.

    Args:
        root (str): Folder or address of the shards.
        backend_args (dict, optional): Defaults to None, by ``root``.
        cache_dir (str, optional): A folder on a local disk, needed for backends that only have
            whole files; with 'fsspec' a choice. Defaults to None.
        cache_gb (float): Its size. Defaults to 100.
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
        self.is_local = isinstance(self.backend, LocalBackend)
        self.in_parts = cache_dir is None and isinstance(self.backend, FsspecBackend)
        if not (self.is_local or self.in_parts or cache_dir):
            raise ValueError(
                f'`cache_dir` is needed for {root}: a folder on a local disk '
                "for copies of shards. `backend_args=dict(backend='fsspec')` "
                'reads parts of shards and needs none.'
            )
        self.cache_dir = None
        if not (self.is_local or self.in_parts):
            self.cache_dir = Path(str(cache_dir))
        self.max_bytes = int(cache_gb * 1e9)
        self._open: OrderedDict[str, int] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_open': OrderedDict()}

    def get(self, name: str) -> bytes:
        """A whole file, as it is (for small ones)."""
        return self.backend.get(f'{self.root}/{name}')

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A part of a shard.

        Args:
            name (str): The shard.
            offset (int): First byte.
            size (int): Number of bytes.

        Raises:
            FileNotFoundError: If the shard does not exist.
            BadSampleError: If it ends before.
        """
        content = self._read(name, offset, size)
        if len(content) < size:
            raise BadSampleError(
                f'the shard {self.root}/{name} was cut short: bytes '
                f'{offset} to {offset + size} are not all there. Pack it '
                'again.'
            )
        return content

    def _read(self, name: str, offset: int, size: int) -> bytes:
        """As :meth:`read`, but fewer bytes where the shard ends."""
        if self.in_parts:
            path = f'{self.root}/{name}'
            try:
                return self.backend.get_range(path, offset, size)
            except FileNotFoundError:
                raise _missing(path) from None
        content = os.pread(self._file_number(name), size, offset)
        while content and len(content) < size:
            more = os.pread(self._file_number(name), size - len(content), offset + len(content))
            if not more:
                break
            content += more
        return content

    def _file_number(self, name: str) -> int:
        if name not in self._open:
            path = f'{self.root}/{name}'
            try:
                opened = self._open_copy(name) if self.cache_dir else os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                raise _missing(path) from None
            self._open[name] = opened
            if len(self._open) > MAX_OPEN:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(name)
        return self._open[name]

    def _open_copy(self, name: str) -> int:
        assert self.cache_dir is not None
        folder, path = self.cache_dir, self.cache_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f'{name}.lock'):
            if not path.is_file():
                atomic_write(self.get(name), path)
            os.utime(path)
            opened = os.open(path, os.O_RDONLY)
        with FileLock(folder / '.lock'):
            self._make_room(folder, keep=path)
        return opened

    def _make_room(self, folder: Path, keep: Path) -> None:
        shards = [(path, path.stat()) for path in folder.rglob('*.tar')]
        shards.sort(key=lambda shard: shard[1].st_mtime_ns)
        used = sum(stat.st_size for _, stat in shards)
        for path, stat in shards:
            if used <= self.max_bytes:
                return
            if path != keep:  # those that have it open keep reading it
                path.unlink()
                used -= stat.st_size


class LRUCache:
    """Keeps the last values of a function of an int.

    Args:
        function (Callable[[int], Any]): Computes a value.
        size (int): Values to keep.
    """

    def __init__(self, function: Callable[[int], Any], size: int) -> None:
        self.function = function
        self.size = size
        self.values: OrderedDict[int, Any] = OrderedDict()

    def __call__(self, key: int) -> Any:
        """The value for ``key``."""
        if key not in self.values:
            self.values[key] = self.function(key)
            if len(self.values) > self.size:
                self.values.popitem(last=False)
        self.values.move_to_end(key)
        return self.values[key]
