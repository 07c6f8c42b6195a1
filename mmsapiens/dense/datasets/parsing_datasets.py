"""Datasets of labelled body parts, and their releases in their folders."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from ...classes.class_sets import IGNORED, check_flip_pairs, conversion_table, get_class_set
from ...registry import DATASETS
from .paired_files import IMAGE_KEY, IMAGE_SUFFIXES, MAP_SUFFIXES, PairedFilesDataset


class ParsingDataset(PairedFilesDataset, BaseSegDataset):
    """Stock dataset of label maps, with sides and conversion of classes.

    Its data have ``label_table``, uint8 (256,), if stored ids are not those of the classes, and
    ``label_map`` for the stock loader. ``reduce_zero_label`` is refused.

    Args:
        stored (str): Class set of the files.
        vocabulary (str): That of the labels that come out.
        metainfo (dict, optional): Fewer classes make the others ignored. Defaults to None.
        lazy_init (bool): As in stock. Defaults to False.
        **kwargs: Those of :class:`PairedFilesDataset` and ``BaseSegDataset``. ``img_suffix`` and
            ``seg_map_suffix`` may be several, by default jpg, jpeg, png, webp and png, npy, npz,
            exr.
    """

    label_map: dict[int, int] | None

    def __init__(
        self,
        *,
        stored: str,
        vocabulary: str,
        metainfo: dict | None = None,
        lazy_init: bool = False,
        **kwargs: Any,
    ) -> None:
        table = conversion_table(stored, vocabulary)
        self.stored = get_class_set(stored)
        kwargs.setdefault('img_suffix', IMAGE_SUFFIXES)
        kwargs.setdefault('seg_map_suffix', MAP_SUFFIXES)
        super().__init__(metainfo=metainfo, lazy_init=True, **kwargs)
        name = type(self).__name__
        if self.reduce_zero_label:
            raise ValueError(
                f'`reduce_zero_label` of {name} must be False: label 0 is the background, a class'
            )
        target = get_class_set(vocabulary).metainfo()
        if target['classes'] != self.METAINFO['classes']:
            if metainfo and 'classes' in metainfo:
                raise ValueError(
                    f'{name} can convert labels (`vocabulary`) or take fewer `classes`, not both'
                )
            self._metainfo.update({**target, **(metainfo or {})})
        if self.label_map is not None:
            fewer: np.ndarray = np.arange(256, dtype=np.uint8)
            fewer[list(self.label_map)] = list(self.label_map.values())
            table = fewer if table is None else fewer[table]
            if not (metainfo and 'flip_pairs' in metainfo):
                pairs = [tuple(map(self.label_map.get, p)) for p in self.METAINFO['flip_pairs']]
                self._metainfo['flip_pairs'] = [p for p in pairs if p != (IGNORED, IGNORED)]
        check_flip_pairs(name, self._metainfo)
        self.label_table = table
        if table is not None:
            self.label_map = dict(enumerate(table.tolist()))
            self._metainfo['label_map'] = self.label_map
        if not lazy_init:
            self.full_init()

    def get_data_info(self, idx: int) -> dict:
        stock = dict(label_map=self.label_map, reduce_zero_label=self.reduce_zero_label)
        table = {} if self.label_table is None else dict(label_table=self.label_table)
        return {**super().get_data_info(idx), **stock, **table, 'seg_fields': []}

    def stored_classes(self) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
        """Those of the files, before they are converted."""
        return self.stored.classes, self.stored.palette

    def suffixes(self, key: str) -> Sequence[str]:
        given = self.img_suffix if key == IMAGE_KEY else self.seg_map_suffix
        return (given,) if isinstance(given, str) else tuple(given)


def _split_folders(split: str) -> dict[str, str]:
    root = PurePosixPath(split)
    return dict(img_path=str(root / 'images'), seg_map_path=str(root / 'labels'))


@DATASETS.register_module()
class BodyParts28Dataset(ParsingDataset):
    """The 28 classes of Sapiens: images in ``images/``, labels in ``labels/``.

    Args:
        split (str): Folder of ``data_root`` with the two. Defaults to '', ``data_root`` itself.
        raw_34 (bool): Whether the files hold 34 labels, of which six, and all unknown ones, become
            ignored. Defaults to False.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``. Defaults to None, the
            above.
        **kwargs: Those of :class:`ParsingDataset`.
    """

    METAINFO = get_class_set('goliath28').metainfo()
    LAYOUT = '<split>/images/*.jpg and <split>/labels/*.png'

    def __init__(
        self,
        *,
        split: str = '',
        raw_34: bool = False,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        stored = 'goliath34' if raw_34 else 'goliath28'
        kwargs['data_prefix'] = data_prefix or _split_folders(split)
        super().__init__(stored=stored, vocabulary='goliath28', **kwargs)


@DATASETS.register_module()
class BodyParts29Dataset(ParsingDataset):
    """The 29 classes of Sapiens2, laid out as those of :class:`BodyParts28Dataset`.

    Args:
        split (str): Folder of ``data_root`` with the two. Defaults to '', ``data_root`` itself.
        stored (str): Class set of the files: 'goliath29', or 'goliath28', whose ids become those
            of 29; then eyeglasses have no pixel. Defaults to 'goliath29'.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``. Defaults to None, the
            above.
        **kwargs: Those of :class:`ParsingDataset`.
    """

    METAINFO = get_class_set('goliath29').metainfo()
    LAYOUT = BodyParts28Dataset.LAYOUT

    def __init__(
        self,
        *,
        split: str = '',
        stored: str = 'goliath29',
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs['data_prefix'] = data_prefix or _split_folders(split)
        super().__init__(stored=stored, vocabulary='goliath29', **kwargs)


class _ReleasedDataset(ParsingDataset):
    """A release with folders of images and of labels for each split."""

    STORED: str
    FOLDERS: Mapping[str, tuple[str, str]]

    def __init__(
        self,
        *,
        split: str = 'train',
        vocabulary: str | None = None,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in self.FOLDERS:
            raise ValueError(f'`split` must be one of {list(self.FOLDERS)}, but got {split!r}')
        folders = dict(zip(('img_path', 'seg_map_path'), self.FOLDERS[split]))
        kwargs['data_prefix'] = data_prefix or folders
        super().__init__(stored=self.STORED, vocabulary=vocabulary or self.STORED, **kwargs)


@DATASETS.register_module()
class LIPPartsDataset(_ReleasedDataset):
    """Look into Person (Gong et al., "Look into Person", CVPR 2017), with sides for the flip.

    Args:
        split (str): 'train' or 'val'. Defaults to 'train'.
        vocabulary (str, optional): Classes of the labels: those of the files, or 'goliath28'.
            Defaults to None, the first.
        data_prefix (dict, optional): ``img_path`` and ``seg_map_path``. Defaults to None, the
            folders of the split.
        **kwargs: Those of :class:`ParsingDataset`.
    """

    METAINFO = get_class_set('lip').metainfo()
    LAYOUT = 'images/{train,val}_images/*.jpg and segmentations/{train,val}_segmentations/*.png'
    STORED = 'lip'
    FOLDERS = {
        split: (f'images/{split}_images', f'segmentations/{split}_segmentations')
        for split in ('train', 'val')
    }


@DATASETS.register_module()
class ATRDataset(_ReleasedDataset):
    """Active Template Regression, the 18 classes of fashion photographs, with sides for the flip.

    Published by Liang et al., "Deep Human Parsing with Active Template Regression", TPAMI 2015, and
    released as ``humanparsing`` without splits: ``ann_file``, a list of names, takes some. Other
    arguments are those of :class:`LIPPartsDataset`, without ``split``.
    """

    METAINFO = get_class_set('atr').metainfo()
    LAYOUT = 'JPEGImages/*.jpg and SegmentationClassAug/*.png'
    STORED = 'atr'
    FOLDERS = {'train': ('JPEGImages', 'SegmentationClassAug')}


@DATASETS.register_module()
class CIHPDataset(_ReleasedDataset):
    """Crowd Instance-level Human Parsing: the classes, not the instances.

    Published by Gong et al., "Instance-level Human Parsing via Part Grouping Network", ECCV 2018.
    Class 10 is the skin of the torso; the reference calls it jumpsuits, as in LIP. Arguments are
    those of :class:`LIPPartsDataset`.
    """

    METAINFO = get_class_set('cihp').metainfo()
    LAYOUT = '{Training,Validation}/Images/*.jpg and {Training,Validation}/Category_ids/*.png'
    STORED = 'cihp'
    FOLDERS = {
        'train': ('Training/Images', 'Training/Category_ids'),
        'val': ('Validation/Images', 'Validation/Category_ids'),
    }
