"""What datasets of unlabelled images share."""

from __future__ import annotations

import copy
import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dataset.base_dataset import force_full_init
from PIL import Image

from ...core.errors import BadSampleError
from ...transforms.load_checked_image import check_is_whole
from ..samplers.random_order import Permutation, derive_seed, seeded
from .broken_images import BrokenImages

NUM_FINGERPRINT_NAMES = 64
REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}
"""Divisor of both sides -> OpenCV's flag, the largest divisor first."""


def _choose_flag(content: bytes, min_size: int | None) -> int:
    """Flag of ``cv2.imdecode`` that leaves both sides ``min_size`` pixels.

    Only a JPEG decodes faster when it is reduced: its blocks of 8x8 frequencies are turned into
    fewer pixels.
    """
    if min_size is None or not content.startswith(b'\xff\xd8'):
        return cv2.IMREAD_COLOR
    try:
        with Image.open(BytesIO(content)) as image:  # reads the header only
            shorter = min(image.size)
    except (OSError, ValueError, Image.DecompressionBombError):
        return cv2.IMREAD_COLOR
    for divisor, flag in REDUCED.items():
        if shorter // divisor >= min_size:
            return flag
    return cv2.IMREAD_COLOR


def decode_image(name: str, content: bytes, min_size: int | None = None) -> np.ndarray:
    """Decode an image file to BGR uint8 (H, W, 3), turned as its EXIF tag says.

    A JPEG may be decoded to an 1/2, 1/4 or 1/8 of its size, but its shorter side keeps at least
    ``min_size`` pixels. ``name`` is for messages.

    Raises:
        BadSampleError: If the file is empty, cut short, or no image.
    """
    check_is_whole(name, content)
    buffer = np.frombuffer(content, dtype=np.uint8)
    try:
        img = cv2.imdecode(buffer, _choose_flag(content, min_size))
    except cv2.error as error:
        raise BadSampleError(f'the image {name} cannot be decoded: {error}') from None
    if img is None:
        raise BadSampleError(
            f'the image {name} cannot be decoded: it is damaged or no image '
            f'(it starts with {content[:16]!r})'
        )
    return img


class UnlabelledImageDataset(BaseDataset):
    """Images without labels, as many as you like.

    No image costs a Python object: subclasses keep their names in buffers or read them when needed.
    What a pipeline draws for a sample depends on the sample, the epoch and the seed of the sampler,
    not on the worker.

    An image that cannot be read is counted, named in a file and replaced by another one, always the
    same for a sample of an epoch; that one is then seen twice.

    Args:
        pipeline (Sequence[dict | Callable]): Transforms of ``dict(img, img_shape, ori_shape,
            img_path, sample_idx)``, ``img`` BGR uint8 (H, W, 3). Defaults to ().
        min_size (int, optional): JPEGs are decoded no larger than needed for this shorter side.
            Defaults to None, full size.
        max_samples (int, optional): Size of a subset. Defaults to None, all.
        subset_seed (int, optional): Of a random subset; smaller ones are part of larger ones of the
            same seed. Defaults to None, the first ones.
        max_broken_share (float): The run stops with an error when more images than this share are
            broken. Defaults to 0.01.
        broken_dir (str, optional): Folder for the names of broken images, one
            file per process. Defaults to None, names are not kept; the
            ``mmsapiens.BrokenImagesHook`` sets the working directory.
        **kwargs: ``metainfo``, ``indices``, ``test_mode``, ``lazy_init`` and
            ``max_refetch`` of ``mmengine.dataset.BaseDataset``.
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
        self.min_size = min_size
        self.max_samples = max_samples
        self.subset_seed = subset_seed
        self.max_broken_share = max_broken_share
        self.broken_dir = broken_dir
        self._chosen: np.ndarray | None = None
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
        """Open the source and choose the subset."""
        if self._fully_initialized:
            return
        self.source_size = self.open_source()
        if self.max_samples is not None:
            self._choose_samples(self.max_samples)
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)
        self.broken = BrokenImages(self.max_broken_share, len(self), self.broken_dir)

    def _choose_samples(self, number: int) -> None:
        if number > self.source_size:
            raise ValueError(
                f'`max_samples` is {number}, but there are only {self.source_size} images'
            )
        chosen = np.arange(number)
        if self.subset_seed is not None:
            seed = derive_seed(self.subset_seed, 'subset')
            chosen = np.sort(Permutation(self.source_size, seed)(chosen))
        self._chosen = chosen

    @force_full_init
    def __len__(self) -> int:
        """Number of images."""
        if self._chosen is not None:
            return len(self._chosen)
        return self.source_size

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep the first or last (if negative) images, or those given."""
        chosen = np.arange(len(self))
        if isinstance(indices, int):
            chosen = chosen[:indices] if indices >= 0 else chosen[indices:]
        else:
            chosen = chosen[np.asarray(indices, dtype=np.int64)]
        self._chosen = chosen if self._chosen is None else self._chosen[chosen]

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
        text = '\n'.join([str(size), *names]).encode()
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Read and decode an image.

        Args:
            idx (int): Its index; negative ones count from the end.

        Returns:
            dict: ``img``, ``img_shape``, ``ori_shape``, ``img_path``, ``sample_idx``.

        Raises:
            BadSampleError: If it is broken.
        """
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
        """The sample after the pipeline.

        Args:
            idx (int): Of a :class:`SampleIndex` the seed of the epoch is taken; the pipeline draws
                from random numbers of its own.

        Raises:
            TooManyBrokenImagesError: If too many images are broken.
        """
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
            f'image {idx} and {self.max_refetch} replacements for it are all '
            'broken. Check the dataset.'
        )
