"""Datasets of labelled body parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from ...classes.class_sets import IGNORED, check_flip_pairs, conversion_table, get_class_set
from .listing import IMAGE_KEY, IMAGE_SUFFIXES, MAP_SUFFIXES, REFUSED_SUFFIXES
from .paired_files_dataset import PairedFilesDataset


class ParsingDataset(PairedFilesDataset, BaseSegDataset):
    """Stock dataset of label maps, with sides and conversion of classes.

    Its data also have ``label_table``, uint8 (256,), if stored ids are not those of the classes:
    ``LoadDenseTarget`` looks labels up in it. The stock ``label_map`` says the same for the stock
    loader.

    Args:
        stored (str): Class set of the files.
        vocabulary (str): That of the labels that come out.
        metainfo (dict, optional): As in stock: fewer classes make the others ignored. Defaults to
            None.
        lazy_init (bool): As in stock. Defaults to False.
        **kwargs: Those of :class:`PairedFilesDataset` and
            ``BaseSegDataset``. ``img_suffix`` and ``seg_map_suffix`` may be several; they default
            to jpg, jpeg, png, webp and to png, npy, npz, exr.

    Raises:
        KeyError: If a vocabulary is unknown.
        ValueError: If labels cannot be converted as asked, if ``flip_pairs`` contradict the names
            of the classes, or if ``reduce_zero_label=True``.
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
        kwargs.setdefault('img_suffix', IMAGE_SUFFIXES)
        kwargs.setdefault('seg_map_suffix', MAP_SUFFIXES + REFUSED_SUFFIXES)
        super().__init__(metainfo=metainfo, lazy_init=True, **kwargs)
        name = type(self).__name__
        if self.reduce_zero_label:
            raise ValueError(
                f'`reduce_zero_label` of {name} must be False: label 0 is the '
                'background, which is a class'
            )
        target = get_class_set(vocabulary).metainfo()
        if target['classes'] != self.METAINFO['classes']:
            if metainfo and 'classes' in metainfo:
                raise ValueError(
                    f'{name} can convert labels (`vocabulary={vocabulary!r}`) '
                    'or take fewer `classes`, not both'
                )
            self._metainfo.update({**target, **(metainfo or {})})
        if self.label_map is not None:
            table = self._leave_out(self.label_map, table)
            if not (metainfo and 'flip_pairs' in metainfo):
                self._metainfo['flip_pairs'] = self._remaining_pairs(self.label_map)
        check_flip_pairs(name, self._metainfo)
        self.label_table = table
        if table is not None:
            self.label_map = dict(enumerate(table.tolist()))
            self._metainfo['label_map'] = self.label_map
        if not lazy_init:
            self.full_init()

    def get_data_info(self, idx: int) -> dict:
        """A sample, with the keys that stock loading needs."""
        info = super().get_data_info(idx)
        info.update(
            label_map=self.label_map, reduce_zero_label=self.reduce_zero_label, seg_fields=[]
        )
        if self.label_table is not None:
            info['label_table'] = self.label_table
        return info

    def suffixes(self, key: str) -> Sequence[str]:
        """Those of the stock arguments."""
        given = self.img_suffix if key == IMAGE_KEY else self.seg_map_suffix
        return (given,) if isinstance(given, str) else tuple(given)

    @staticmethod
    def _leave_out(label_map: Mapping[int, int], table: np.ndarray | None) -> np.ndarray:
        """The table that also makes the classes left out ignored."""
        fewer: np.ndarray = np.arange(256, dtype=np.uint8)
        fewer[list(label_map)] = list(label_map.values())
        return fewer if table is None else fewer[table]

    def _remaining_pairs(self, label_map: Mapping[int, int]) -> list[tuple[int, int]]:
        pairs = [(label_map[a], label_map[b]) for a, b in self.METAINFO['flip_pairs']]
        return [pair for pair in pairs if pair != (IGNORED, IGNORED)]
