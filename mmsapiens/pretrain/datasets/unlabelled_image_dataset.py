"""Unlabelled images: what their datasets share, and those of folders and list files."""

from __future__ import annotations

import copy
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from mmengine import fileio
from mmengine.dataset import BaseDataset
from mmengine.dataset.base_dataset import force_full_init
from PIL import Image

from ...core.errors import BadSampleError, MissingFileError
from ...engine import fsspec_backend  # noqa: F401  its name for backend_args
from ...io.listing import PLAIN_IMAGE_SUFFIXES, scan_folder
from ...registry import DATASETS
from ...transforms.load_checked_image import check_is_whole, decode_checked
from ..samplers.random_order import Permutation, derive_seed, seeded
from .broken_images import BrokenImages
from .names import NameTable, read_list
from .subsets import NumberSet

NUM_FINGERPRINT_NAMES = 64


def decode_image(name: str, content: bytes, min_size: int | None = None) -> np.ndarray:
    """Decode an image file to BGR uint8 (H, W, 3), upright, or raise BadSampleError with ``name``.
    A JPEG may be decoded to an 1/2, 1/4 or 1/8 of its size, which is faster, but its shorter side
    keeps at least ``min_size`` pixels."""
    check_is_whole(name, content)
    flag = None
    if min_size is not None and content.startswith(b'\xff\xd8'):
        with suppress(OSError, ValueError, Image.DecompressionBombError):
            with Image.open(BytesIO(content)) as image:  # reads the header only
                shorter = min(image.size)
            for divisor in (2, 4, 8):
                if shorter // divisor >= min_size:
                    flag = getattr(cv2, f'IMREAD_REDUCED_COLOR_{divisor}')
    img = None if flag is None else cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    return decode_checked(name, content) if img is None else img


class UnlabelledImageDataset(BaseDataset):
    """Images without labels, as many as you like: none costs a Python object.

    What a pipeline draws for a sample depends on the sample, the epoch and the seed of the sampler,
    not on the worker. An image that cannot be read is counted, named in a file and replaced by
    another one, always the same for a sample of an epoch.

    Args:
        pipeline (Sequence[dict | Callable]): Transforms of ``dict(img, img_shape, ori_shape,
            img_path, sample_idx)``, ``img`` BGR uint8 (H, W, 3). Defaults to ().
        min_size (int, optional): JPEGs are decoded no larger than needed for this shorter side.
            Defaults to None, full size.
        max_samples (int, optional): Size of a subset. Defaults to None, all.
        subset_seed (int, optional): Of a random subset; smaller ones are part of larger ones of the
            same seed. Defaults to None, the first ones.
        max_broken_share (float): More broken images than this share stop it. Defaults to 0.01.
        broken_dir (str, optional): Folder for the names of broken images, one file per process.
            Defaults to None, not kept; ``BrokenImagesHook`` sets the working directory.
        **kwargs: ``metainfo``, ``indices``, ``test_mode``, ``lazy_init`` and ``max_refetch`` of
            ``mmengine.dataset.BaseDataset``.
    """

    METAINFO: dict = dict(classes=())
    _fully_initialized: bool

    def __init__(
        self,
        *,
        pipeline: Sequence[dict | Callable] = (),
        min_size: int | None = None,
        max_samples: int | None = None,
        subset_seed: int | None = None,
        max_broken_share: float = 0.01,
        broken_dir: str | None = None,
        lazy_init: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, value in dict(min_size=min_size, max_samples=max_samples).items():
            if value is not None and value < 1:
                raise ValueError(f'`{name}` must be positive, but got {value}')
        self.min_size, self.max_samples, self.subset_seed = min_size, max_samples, subset_seed
        self.max_broken_share, self.broken_dir = max_broken_share, broken_dir
        self._chosen: np.ndarray | NumberSet | None = None
        super().__init__(pipeline=list(pipeline), lazy_init=True, **kwargs)
        if not lazy_init:
            self.full_init()

    @abstractmethod
    def open_source(self) -> int:
        """Prepare reading, and return the number of images."""

    @abstractmethod
    def get_name(self, number: int) -> str:
        """Name of image ``number`` of the source."""

    @abstractmethod
    def read(self, number: int) -> bytes:
        """File of image ``number``; BadSampleError if that one is broken."""

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        self.source_size = self.open_source()
        if (number := self.max_samples) is not None:
            if number > self.source_size:
                raise ValueError(
                    f'`max_samples` is {number}, but there are only {self.source_size} images'
                )
            chosen = np.arange(number)
            if self.subset_seed is not None:
                seed = derive_seed(self.subset_seed, 'subset')
                chosen = np.sort(Permutation(self.source_size, seed)(chosen))
            self._chosen = chosen
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)
        self.broken = BrokenImages(self.max_broken_share, len(self), self.broken_dir)

    @force_full_init
    def __len__(self) -> int:
        return self.source_size if self._chosen is None else len(self._chosen)

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep the first or last (if negative) images, or those given."""
        chosen = np.arange(self.source_size) if self._chosen is None else self._chosen
        if isinstance(chosen, NumberSet):
            chosen = chosen.numbers()
        if isinstance(indices, int):
            self._chosen = chosen[:indices] if indices >= 0 else chosen[indices:]
        else:
            self._chosen = chosen[np.asarray(indices, dtype=np.int64)]

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> UnlabelledImageDataset:
        """A dataset of some of the images; see :meth:`get_subset_`."""
        subset = copy.copy(self)
        subset.get_subset_(indices)
        return subset

    def number_of(self, index: int) -> int:
        """Number in the source of sample ``index``."""
        return int(index if self._chosen is None else self._chosen[index])

    @property
    def fingerprint(self) -> str:
        """A hash of the size and of some names, to notice other data."""
        size = len(self)
        some = np.linspace(0, size - 1, min(size, NUM_FINGERPRINT_NAMES))
        names = [self.get_name(self.number_of(int(i))) for i in some]
        return hashlib.blake2b('\n'.join([str(size), *names]).encode(), digest_size=8).hexdigest()

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """``img``, its shapes, ``img_path`` and ``sample_idx``, or a BadSampleError."""
        size = len(self)
        if not -size <= idx < size:
            raise IndexError(f'image {idx} of {size} was asked for')
        number = self.number_of(idx % size)
        name = self.get_name(number)
        img = decode_image(name, self.read(number), self.min_size)
        shape = img.shape[:2]
        return dict(img=img, img_path=name, img_shape=shape, ori_shape=shape, sample_idx=idx % size)

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        """The sample after the pipeline, which draws from the epoch's seed of a SampleIndex."""
        seed = derive_seed(getattr(idx, 'epoch_seed', 0), int(idx))
        chosen = int(idx)
        for attempt in range(self.max_refetch + 1):
            self.broken.count()
            try:
                with seeded(derive_seed(seed, attempt)):
                    return self.prepare_data(chosen)
            except BadSampleError as error:
                name = self.get_name(self.number_of(chosen % len(self)))
                self.broken.add(name, str(error))
            chosen = derive_seed(seed, 'replacement', attempt) % len(self)
        raise RuntimeError(
            f'image {idx} and {self.max_refetch} replacements for it are all broken. Check the '
            'dataset.'
        )


@DATASETS.register_module()
class HumanImageDataset(UnlabelledImageDataset):
    """Unlabelled images of folders, or of list files.

    A text list of 300 million names is mapped, not read; each process keeps 8 bytes per image. Scan
    a folder of that size once and keep the names in a list file: every process scans for itself.

    Args:
        data_root (str | Sequence[str]): Folders, searched with all below them; or, with
            ``ann_file``, the one that its names are relative to, perhaps on object storage.
            Defaults to ''.
        ann_file (str | Sequence[str]): List files, see
            :func:`~mmsapiens.pretrain.datasets.names.read_list`. Defaults to '', none.
        suffixes (Sequence[str]): Of images in folders. Defaults to ('.jpg', '.jpeg', '.png',
            '.webp', '.bmp', '.tif', '.tiff').
        backend_args (dict, optional): File backend of mmengine for the images,
            ``dict(backend='fsspec')`` for object storage. Defaults to None, by the name.
        **kwargs: See :class:`UnlabelledImageDataset`.

    Raises:
        FileNotFoundError: If a folder or list file does not exist.
        ValueError: If there are no images.
    """

    def __init__(
        self,
        data_root: str | Sequence[str] = '',
        ann_file: str | Sequence[str] = '',
        *,
        suffixes: Sequence[str] = PLAIN_IMAGE_SUFFIXES,
        backend_args: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.roots = [data_root] if isinstance(data_root, str) else list(data_root)
        self.lists = [ann_file] if ann_file and isinstance(ann_file, str) else list(ann_file or ())
        if self.lists and len(self.roots) > 1:
            raise ValueError(
                f'`data_root` must be one folder where `ann_file` is given, but got {self.roots}'
            )
        if not self.lists and not all(self.roots):
            raise ValueError('either `data_root` or `ann_file` is needed')
        self.suffixes = tuple(suffix.lower() for suffix in suffixes)
        self.backend_args = backend_args
        super().__init__(**kwargs)

    def open_source(self) -> int:
        self.tables: list[tuple[str, NameTable]] = []
        if self.lists:
            root = self.roots[0]
            self.tables = [(root, read_list(path)) for path in self.lists]
        else:
            for root in self.roots:
                if not os.path.isdir(root):
                    raise FileNotFoundError(
                        f'the folder {root} of `data_root` does not exist. Give one with images, '
                        'or a list of them as `ann_file`.'
                    )
                names = NameTable.from_names(scan_folder(root, self.suffixes))
                self.tables.append((root, names))
        self.table_ends = np.cumsum([len(table) for _, table in self.tables])
        total = int(self.table_ends[-1])
        if total == 0:
            raise ValueError(
                f'there are no images in {self.lists or self.roots}. Check `data_root`, '
                f'`ann_file` and `suffixes` ({", ".join(self.suffixes)}).'
            )
        return total

    def get_name(self, number: int) -> str:
        which = int(np.searchsorted(self.table_ends, number, side='right'))
        root, table = self.tables[which]
        name = table[number - int(self.table_ends[which]) + len(table)]
        return os.path.join(root, name)

    def read(self, number: int) -> bytes:
        path = self.get_name(number)
        try:
            return fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError:
            raise MissingFileError(f'the image {path} does not exist') from None
