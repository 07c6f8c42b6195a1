"""Images of folders and list files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine import fileio

from ...core.errors import MissingFileError
from ...engine import fsspec_backend  # noqa: F401  its name for backend_args
from ...registry import DATASETS
from .names import IMAGE_SUFFIXES, NameTable, read_list, scan_folder
from .unlabelled_image_dataset import UnlabelledImageDataset


def _as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@DATASETS.register_module()
class HumanImageDataset(UnlabelledImageDataset):
    """Unlabelled images of folders, or of list files.

    A text list of 300 million names is mapped, not read; each process keeps 8 bytes per image. Scan
    a folder of that size once and keep the names in a list file: every process scans for itself.

    Args:
        data_root (str | Sequence[str]): Folders, searched with all folders below them; or, with
            ``ann_file``, the one folder that its names are relative to, which may be on object
            storage. Defaults to ''.
        ann_file (str | Sequence[str]): List files, see
            :func:`~mmsapiens.pretrain.datasets.names.read_list`. Defaults to '', none.
        suffixes (Sequence[str]): Of images in folders. Defaults to ('.jpg', '.jpeg', '.png',
            '.webp', '.bmp', '.tif', '.tiff').
        backend_args (dict, optional): File backend of mmengine for the
            images, ``dict(backend='fsspec')`` for object storage. Defaults
            to None, by the name.
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
        suffixes: Sequence[str] = IMAGE_SUFFIXES,
        backend_args: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.roots = _as_list(data_root)
        self.lists = _as_list(ann_file) if ann_file else []
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
        """List the images."""
        self.tables: list[tuple[str, NameTable]] = []
        if self.lists:
            root = self.roots[0]
            self.tables = [(root, read_list(path)) for path in self.lists]
        else:
            for root in self.roots:
                if not os.path.isdir(root):
                    raise FileNotFoundError(
                        f'the folder {root} of `data_root` does not exist. '
                        'Give one with images, or a list of them as '
                        '`ann_file`.'
                    )
                names = scan_folder(root, self.suffixes)
                self.tables.append((root, NameTable.from_names(names)))
        self.table_ends = np.cumsum([len(table) for _, table in self.tables])
        total = int(self.table_ends[-1])
        if total == 0:
            raise ValueError(
                f'there are no images in {self.lists or self.roots}. Check '
                '`data_root`, `ann_file` and `suffixes` '
                f'({", ".join(self.suffixes)}).'
            )
        return total

    def get_name(self, number: int) -> str:
        """Path of an image."""
        which = int(np.searchsorted(self.table_ends, number, side='right'))
        root, table = self.tables[which]
        if which:
            number -= int(self.table_ends[which - 1])
        name = table[number]
        return os.path.join(root, name) if root else name

    def read(self, number: int) -> bytes:
        """File of an image."""
        path = self.get_name(number)
        try:
            return fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError:
            raise MissingFileError(f'the image {path} does not exist') from None
