"""Images with any maps, each kind in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import fileio
from mmengine.dataset import BaseDataset

from ...classes.class_sets import check_flip_pairs, get_class_set
from ...registry import DATASETS
from ...structures.fields import FIELDS, get_field
from .listing import IMAGE_KEY
from .paired_files_dataset import PairedFilesDataset

_FOLDERS = {
    IMAGE_KEY: ('images', 'image', 'rgb'),
    'seg_map_path': ('labels', 'label'),
    'human_mask_path': ('masks', 'mask'),
}


def usual_folders(key: str) -> tuple[str, ...]:
    """Names that a folder may have, ours first: ``depths``, ``depth`` for ``depth_map_path``."""
    name = key.removesuffix('_path').removesuffix('_map')
    return _FOLDERS.get(key, (f'{name}s', name))


@DATASETS.register_module()
class DenseFolderDataset(PairedFilesDataset, BaseDataset):
    """Images in ``images/`` and maps in ``depths/``, ``masks/``, ....

    The folders of renders, ``rgb``, ``mask``, ``depth`` and ``normal``, are found as well; so are
    ``labels/``, and ``<name>s/`` of a field ``<name>_map`` that was added to ``FIELDS``.

    Args:
        fields (Sequence[str]): Maps that each image has, keys of ``FIELDS``. Defaults to
            ('depth_map', 'human_mask').
        split (str): Folder of ``data_root`` with the folders, such as 'train'. Defaults to '',
            ``data_root`` itself.
        data_root (str): Where. Defaults to ''.
        data_prefix (dict, optional): ``img_path`` or ``<field>_path`` -> folder below that of the
            split, for those of other names. Defaults to None.
        suffixes (Mapping[str, Sequence[str]], optional): Likewise -> suffixes of the files, where a
            folder has several kinds. Defaults to None: jpg, jpeg, png, webp for images, png, npy,
            npz, exr for maps.
        vocabulary (str, optional): Classes of ``seg_map``; others come by ``metainfo``. Defaults to
            None.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.
        lazy_init (bool): As in stock. Defaults to False.
        metainfo (dict, optional): As in stock. Defaults to None.
        **kwargs: Those of :class:`PairedFilesDataset` and ``BaseDataset``.

    Raises:
        KeyError: If a field or the vocabulary is unknown, or ``data_prefix`` or ``suffixes`` have a
            key of no field.
        FileNotFoundError: If a folder does not exist.
        ValueError: If a folder is there under two names, or if ``flip_pairs`` contradict the names
            of the classes.
    """

    LAYOUT = (
        '<split>/images/*.jpg and, of equal names, <split>/masks/*.png, '
        'depths/*.npy, normals/*.npy or labels/*.png'
    )

    def __init__(
        self,
        *,
        fields: Sequence[str] = ('depth_map', 'human_mask'),
        split: str = '',
        data_root: str = '',
        data_prefix: dict | None = None,
        suffixes: Mapping[str, Sequence[str]] | None = None,
        vocabulary: str | None = None,
        backend_args: dict | None = None,
        lazy_init: bool = False,
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.fields = tuple(get_field(name).name for name in fields)
        self.split = split
        self.backend_args = backend_args
        self._given_suffixes = dict(suffixes or {})
        self._given_folders = {k: (v,) for k, v in (data_prefix or {}).items()}
        keys = [IMAGE_KEY, *(FIELDS[name].path_key for name in self.fields)]
        for name, mapping in (
            ('data_prefix', self._given_folders),
            ('suffixes', self._given_suffixes),
        ):
            if set(mapping) - set(keys):
                raise KeyError(
                    f'`{name}` must have keys of {keys}, but got '
                    f'{sorted(mapping)}. Set `fields` to the maps there are.'
                )
        if vocabulary is not None:
            known = get_class_set(vocabulary).metainfo()
            metainfo = {**known, **(metainfo or {})}
        super().__init__(
            data_root=data_root,
            data_prefix=dict.fromkeys(keys, ''),
            metainfo=metainfo,
            lazy_init=True,
            **kwargs,
        )
        check_flip_pairs(type(self).__name__, self._metainfo)
        if not lazy_init:
            self.full_init()

    def folder_groups(self) -> list[dict[str, str]]:
        """The folders, found under one of their usual names."""
        return [self.find_folders(self.split)]

    def find_folders(self, base: str) -> dict[str, str]:
        """The folder of each kind of file below ``data_root/base``.

        Raises:
            ValueError: If one is there under two names.
        """
        folders = {}
        for key in self.data_prefix:
            paths = [
                os.path.join(self.data_root or '.', base, name) for name in self.folder_names(key)
            ]
            there = [path for path in paths if fileio.isdir(path, backend_args=self.backend_args)]
            if len(there) > 1:
                raise ValueError(
                    f'{type(self).__name__}: `{key}` may be any of {there}. '
                    'Name one in `data_prefix`.'
                )
            folders[key] = (there or paths)[0]
        return folders

    def folder_names(self, key: str) -> tuple[str, ...]:
        """Names that the folder of a key may have: the one given, or the usual ones."""
        return self._given_folders.get(key) or usual_folders(key)

    def suffixes(self, key: str) -> Sequence[str]:
        """Suffixes of the files of a folder, given or usual."""
        given = self._given_suffixes.get(key, super().suffixes(key))
        return (given,) if isinstance(given, str) else tuple(given)
