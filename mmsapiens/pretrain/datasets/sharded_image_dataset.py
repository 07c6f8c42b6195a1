"""Images of tar shards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...registry import DATASETS
from .names import read_list
from .shards import MANIFEST, Manifest, ShardIndex, ShardStore, load_index
from .unlabelled_image_dataset import UnlabelledImageDataset


@DATASETS.register_module()
class ShardedImageDataset(UnlabelledImageDataset):
    """Unlabelled images in tar shards (webdataset layout) with an index.

    The index makes any image a seek away, so that the order is the sampler's: exact, the same for
    any number of workers, and resumable at any sample. ``ResumableSampler`` reads few shards at a
    time. A process holds the list of shards and the indexes of those it reads.

    Args:
        data_root (str): Folder with ``shards.json``, written by ``tools/dataset/pack_shards.py``;
            may be on object storage.
        subset_file (str, optional): List file of the names inside the shards to use; reads all
            indexes. Defaults to None, all.
        backend_args (dict, optional): File backend of mmengine; ``dict(backend='fsspec')`` reads
            images out of shards on object storage. Defaults to None, by ``data_root``.
        cache_dir (str, optional): For object storage: folder on a local disk that takes copies of
            shards. Defaults to None.
        cache_gb (float): Its size. It should hold a few times ``window`` of
            the sampler for each process of the machine. Defaults to 100.
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
                f'{path} does not exist. Pack images with '
                '`tools/dataset/pack_shards.py`; for shards that exist, '
                'write it with `--index-only`.'
            ) from None
        self.manifest = Manifest.loads(content, path)
        self.ends = np.cumsum(self.manifest.counts, dtype=np.int64)
        if not len(self.ends) or self.ends[-1] == 0:
            raise ValueError(f'{path} lists no images')
        if self.subset_file is not None:
            self._choose_names(self.subset_file)
            assert self._chosen is not None
            if self.max_samples is not None:
                raise ValueError('give `subset_file` or `max_samples`, not both')
        return int(self.ends[-1])

    def _index(self, shard: int) -> ShardIndex:
        return load_index(self.store, self.manifest.names[shard], self.manifest.counts[shard])

    def _choose_names(self, subset_file: str) -> None:
        table = read_list(subset_file)
        wanted = {table[number] for number in range(len(table))}
        chosen: list[int] = []
        for shard in range(len(self.ends)):
            start = int(self.ends[shard]) - self.manifest.counts[shard]
            for number, name in enumerate(self._index(shard).names, start=start):
                if name in wanted:
                    chosen.append(number)
        if len(chosen) != len(wanted):
            raise ValueError(
                f'`subset_file` {subset_file} has {len(wanted)} names, but '
                f'the shards {len(chosen)} of them'
            )
        self._chosen = np.array(chosen, dtype=np.int64)

    @property
    def block_sizes(self) -> np.ndarray | None:
        """Images of each shard (int64) that belong to the dataset.

        None for a subset that is not in the order of the shards.
        """
        self.full_init()
        if self._chosen is None:
            return np.asarray(self.manifest.counts, dtype=np.int64)
        if (np.diff(self._chosen) <= 0).any():
            return None
        ends = np.searchsorted(self._chosen, self.ends)
        return np.diff(ends, prepend=0)

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
