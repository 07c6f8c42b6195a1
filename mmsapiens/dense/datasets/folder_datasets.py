"""Images with any maps, each kind in a folder of its own, and two test sets made of them."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import fileio
from mmengine.dataset import BaseDataset

from ...classes.class_sets import check_flip_pairs, get_class_set
from ...registry import DATASETS
from ...structures.fields import FIELDS, get_field
from .paired_files import CAMERA_KEYS, IMAGE_KEY, Group, PairedFilesDataset, warn

_FOLDERS = {
    IMAGE_KEY: ('images', 'image', 'rgb', 'JPEGImages'),
    'seg_map_path': ('labels', 'label', 'SegmentationClass'),
    'human_mask_path': ('masks', 'mask'),
    'opacity_map_path': ('alphas', 'alpha'),
    'intrinsics_path': ('camera_intrinsics', 'intrinsics'),
    'extrinsics_path': ('camera_extrinsics', 'extrinsics'),
}

THUMAN2_VIEWS = ('face', 'upper_body', 'full_body')
THUMAN2_SCANS = 526
HI4D_IMAGES = 1195


@DATASETS.register_module()
class DenseFolderDataset(PairedFilesDataset, BaseDataset):
    """Images in ``images/`` and maps in ``depths/``, ``masks/``, ``labels/``, ....

    ``rgb``, ``mask``, ``depth`` and ``normal`` are found as well, the folders of Pascal VOC and
    CVAT, and ``<name>s/`` of a field ``<name>_map`` that was added to ``FIELDS``.

    Args:
        fields (Sequence[str]): Maps that each image has, keys of ``FIELDS``. Defaults to
            ('depth_map', 'human_mask').
        split (str): Folder of ``data_root`` with the folders. Defaults to '', that itself.
        data_root (str): Where. Defaults to ''.
        data_prefix (dict, optional): ``img_path`` or ``<field>_path`` -> folder below that of the
            split, for those of other names. Defaults to None.
        suffixes (Mapping[str, Sequence[str]], optional): Likewise -> suffixes of the files, where a
            folder has several kinds. Defaults to None: jpg, jpeg, png, webp for images, png, npy,
            npz, exr for maps.
        vocabulary (str, optional): Classes of ``seg_map``; others come by ``metainfo``. Defaults to
            None.
        missing_depth (Sequence[float]): Stored numbers of depth, such as 65535, that mean nothing,
            beside 0, NaN and infinity. Defaults to none.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.
        **kwargs: Those of :class:`PairedFilesDataset` and ``BaseDataset``.

    Raises:
        KeyError: If a field, the vocabulary, or a key of ``data_prefix`` or ``suffixes`` is none.
        FileNotFoundError: If a folder does not exist.
        ValueError: If a folder is there under two names, or if ``flip_pairs`` contradict the names
            of the classes.
    """

    LAYOUT = (
        '<split>/images/*.jpg and, of equal names, <split>/masks/*.png, '
        'depths/*.npy, normals/*.npy or labels/*.png'
    )

    more_keys: tuple[str, ...] = ()
    optional_keys: tuple[str, ...] = ()
    """Those of folders that may be missing as a whole."""

    def __init__(
        self,
        *,
        fields: Sequence[str] = ('depth_map', 'human_mask'),
        split: str = '',
        data_root: str = '',
        data_prefix: dict | None = None,
        suffixes: Mapping[str, Sequence[str]] | None = None,
        vocabulary: str | None = None,
        missing_depth: Sequence[float] = (),
        backend_args: dict | None = None,
        lazy_init: bool = False,
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.fields = tuple(get_field(name).name for name in fields)
        self.split = split
        self.missing_depth = tuple(missing_depth)
        self.backend_args = backend_args
        self._given_suffixes = dict(suffixes or {})
        self._given_folders = dict(data_prefix or {})
        keys = [IMAGE_KEY, *(FIELDS[name].path_key for name in self.fields), *self.more_keys]
        given_by = dict(data_prefix=self._given_folders, suffixes=self._given_suffixes)
        for name, given in given_by.items():
            if set(given) - set(keys):
                raise KeyError(
                    f'`{name}` must have keys of {keys}, but got {sorted(given)}. '
                    'Set `fields` to the maps there are.'
                )
        if vocabulary is not None:
            metainfo = {**get_class_set(vocabulary).metainfo(), **(metainfo or {})}
        kwargs.update(data_root=data_root, data_prefix=dict.fromkeys(keys, ''), metainfo=metainfo)
        super().__init__(lazy_init=True, **kwargs)
        check_flip_pairs(type(self).__name__, self._metainfo)
        if not lazy_init:
            self.full_init()

    def folder_groups(self) -> list[Group]:
        return [(self.find_folders(), {})]

    def find_folders(self, below: str = '') -> dict[str, str]:
        """Key -> folder of this kind of file in one of the split; ValueError under two names."""
        folders = {}
        for key in self.data_prefix:
            paths = [self._join(below, name) for name in self.folder_names(key)]
            there = [path for path in paths if self._is_folder(path)]
            if len(there) > 1:
                raise ValueError(
                    f'{type(self).__name__}: `{key}` may be any of {there}. '
                    'Name one in `data_prefix`.'
                )
            if there or key not in self.optional_keys or self._given_folders.get(key):
                folders[key] = (there or paths)[0]
        return folders

    def folder_names(self, key: str) -> tuple[str, ...]:
        """Names that a folder may have: the one given, or as ``depths``, ``depth``."""
        if self._given_folders.get(key):
            return (self._given_folders[key],)
        name = key.removesuffix('_path').removesuffix('_map')
        return _FOLDERS.get(key, (f'{name}s', name))

    def suffixes(self, key: str) -> Sequence[str]:
        given = self._given_suffixes.get(key, super().suffixes(key))
        return (given,) if isinstance(given, str) else tuple(given)

    def _join(self, *names: str) -> str:
        return os.path.join(self.data_root or '.', *filter(None, (self.split, *names)))

    def _is_folder(self, path: str) -> bool:
        return fileio.isdir(path, backend_args=self.backend_args)

    def _warn(self, found: str, expected: str) -> None:
        text = f'{type(self).__name__} has {found}, but the paper {expected}'
        warn(f'{text}: figures cannot be compared with its tables.')


@DATASETS.register_module()
class PointMapDataset(DenseFolderDataset):
    """Images with depth and the cameras that they were taken with, for point maps.

    ``LoadCamera`` and ``GeneratePointTarget`` make points of them. Extrinsics are listed where
    their folder exists.

    Args:
        fields (Sequence[str]): As in :class:`DenseFolderDataset`; ``('point_map', 'human_mask')``
            for files of points. Defaults to ('depth_map', 'human_mask').
        **kwargs: Others of :class:`DenseFolderDataset`.

    Raises:
        ValueError: If neither depth nor points are among the fields, or an image has no camera.
    """

    LAYOUT = (
        '<split>/rgb/*.png and, of equal names, mask/*.png, depth/*.npy, '
        'camera_intrinsics/*.txt and perhaps camera_extrinsics/*.txt'
    )
    more_keys = CAMERA_KEYS
    optional_keys = ('extrinsics_path',)

    def __init__(
        self, *, fields: Sequence[str] = ('depth_map', 'human_mask'), **kwargs: Any
    ) -> None:
        _check_has('PointMapDataset', fields, ('depth_map', 'point_map'))
        super().__init__(fields=fields, **kwargs)


@DATASETS.register_module()
class AlbedoDataset(DenseFolderDataset):
    """Images with the color of their surfaces without light, RGB on the curve of sRGB.

    Args:
        fields (Sequence[str]): As in :class:`DenseFolderDataset`. Defaults to ('albedo_map',
            'human_mask').
        **kwargs: Others of :class:`DenseFolderDataset`.
    """

    LAYOUT = '<split>/rgb/*.png and, of equal names, albedo/*.png and mask/*.png'

    def __init__(
        self, *, fields: Sequence[str] = ('albedo_map', 'human_mask'), **kwargs: Any
    ) -> None:
        _check_has('AlbedoDataset', fields, ('albedo_map',))
        super().__init__(fields=fields, **kwargs)


@DATASETS.register_module()
class MattingDataset(DenseFolderDataset):
    """Images with opacity, and where that folder exists, with the color of the foreground alone.

    ``LoadMatte`` makes a matte of them.

    Args:
        fields (Sequence[str]): As in :class:`DenseFolderDataset`. Defaults to ('opacity_map',
            'foreground_map').
        **kwargs: Others of :class:`DenseFolderDataset`.
    """

    LAYOUT = '<split>/rgb/*.png and, of equal names, alpha/*.png and perhaps foreground/*.png'
    optional_keys = ('foreground_map_path',)

    def __init__(
        self, *, fields: Sequence[str] = ('opacity_map', 'foreground_map'), **kwargs: Any
    ) -> None:
        _check_has('MattingDataset', fields, ('opacity_map', 'matte_map'))
        super().__init__(fields=fields, **kwargs)


def _check_has(kind: str, fields: Sequence[str], wanted: Sequence[str]) -> None:
    if not set(fields) & set(wanted):
        raise ValueError(f'`fields` of {kind} must have {" or ".join(wanted)}, but got {fields}')


@DATASETS.register_module()
class THuman2Dataset(DenseFolderDataset):
    """One render of each of 526 scans in each of three views.

    The release (Yu et al., "Function4D", CVPR 2021) has scans only; the folders of renders are
    ours, see ``docs/dense_datasets.md``. Samples also have ``view``.

    Args:
        views (Sequence[str]): Different ones of 'face', 'upper_body' and 'full_body', in the order
            of the samples. Defaults to all of them.
        **kwargs: Those of :class:`DenseFolderDataset`; ``test_mode`` defaults to True.
    """

    LAYOUT = (
        '<view>/images/0000.png to 0525.png and, of equal names, <view>/masks,'
        ' depths and normals; views face, upper_body, full_body'
    )

    def __init__(self, *, views: Sequence[str] = THUMAN2_VIEWS, **kwargs: Any) -> None:
        if not views or set(views) - set(THUMAN2_VIEWS) or len(set(views)) < len(views):
            raise ValueError(
                f'`views` must be different ones of {THUMAN2_VIEWS}, but got {tuple(views)}'
            )
        self.views = tuple(views)
        kwargs.setdefault('test_mode', True)
        super().__init__(**kwargs)

    def folder_groups(self) -> list[Group]:
        return [(self.find_folders(view), dict(view=view)) for view in self.views]

    def load_data_list(self) -> list[dict]:
        """List the samples; a warning says when there are others than 526."""
        samples = super().load_data_list()
        for view in self.views:
            count = sum(sample['view'] == view for sample in samples)
            if count != THUMAN2_SCANS:
                self._warn(f'{count} renders of the view {view}', f'tests on {THUMAN2_SCANS}')
        return samples


@DATASETS.register_module()
class Hi4DDataset(DenseFolderDataset):
    """Images of two people, in the folders of the release.

    Published by Yin et al., "Hi4D", CVPR 2023. Masks, depth and normals are renders of its meshes
    in folders of ours, see ``docs/dense_datasets.md``. Samples also have ``sequence``, as
    'pair28/dance28'.

    Args:
        pairs (Sequence[int]): Different numbers of pairs. Defaults to (28, 32, 37).
        camera (int): Number of the camera. Defaults to 4.
        **kwargs: Those of :class:`DenseFolderDataset`; ``test_mode`` defaults to True.

    Raises:
        FileNotFoundError: If a pair has no folder, or none with images of the camera.
    """

    LAYOUT = (
        'pair<NN>/<action>/images/<camera>/*.jpg and, of equal names, masks/<camera>, '
        'depths/<camera> and normals/<camera>; pair<NN>_<part> where the release has parts'
    )

    def __init__(
        self, *, pairs: Sequence[int] = (28, 32, 37), camera: int = 4, **kwargs: Any
    ) -> None:
        if not pairs or len(set(pairs)) < len(pairs):
            raise ValueError(f'`pairs` must be different numbers, but got {tuple(pairs)}')
        self.pairs = tuple(int(pair) for pair in pairs)
        self.camera = int(camera)
        kwargs.setdefault('test_mode', True)
        super().__init__(**kwargs)

    def sequences(self) -> list[str]:
        """Folders of actions with images of the camera, as 'pair/action'."""
        folders = self._folders_in()
        found: list[str] = []
        for pair in self.pairs:
            pattern = re.compile(rf'pair0*{pair}(_\d+)?')
            parts = [folder for folder in folders if pattern.fullmatch(folder)]
            places = [f'{part}/{action}' for part in parts for action in self._folders_in(part)]
            names = [(name, str(self.camera)) for name in self.folder_names(IMAGE_KEY)]
            actions = [p for p in places if any(self._is_folder(self._join(p, *n)) for n in names)]
            if not actions:
                raise FileNotFoundError(
                    f'Hi4DDataset: pair {pair} has no images of camera {self.camera} in '
                    f'{self._join()}. Expected: {self.LAYOUT}.'
                )
            found += actions
        return found

    def folder_groups(self) -> list[Group]:
        found = [(name, self.find_folders(name)) for name in self.sequences()]
        return [
            ({key: f'{path}/{self.camera}' for key, path in folders.items()}, dict(sequence=name))
            for name, folders in found
        ]

    def load_data_list(self) -> list[dict]:
        """List the samples; a warning says when they are not the paper's."""
        samples = super().load_data_list()
        if len(samples) != HI4D_IMAGES:
            self._warn(f'{len(samples)} images', f'has {HI4D_IMAGES}')
        return samples

    def _folders_in(self, *names: str) -> list[str]:
        folder, args = self._join(*names), self.backend_args
        if not self._is_folder(folder):
            return []
        return sorted(fileio.list_dir_or_file(folder, list_file=False, backend_args=args))
