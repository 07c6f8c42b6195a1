"""Datasets of images with maps in folders beside them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import fileio
from mmengine.logging import print_log

from ...core.formatting import shorten
from .bad_samples import BadSamplePolicy
from .listing import (
    IMAGE_KEY,
    IMAGE_SUFFIXES,
    MAP_SUFFIXES,
    REFUSED_SUFFIXES,
    Listing,
    Unpaired,
    pair_files,
)


class PairedFilesDataset(BadSamplePolicy):
    """Images and maps of equal names; ``data_prefix`` says where.

    In a subclass it stands in front of the stock dataset. Its keys are ``img_path`` and
    ``<field>_path``, as in the data of a sample, which also get ``flip_label_pairs``, and
    ``num_classes`` if there are classes. With ``ann_file``, a text file of names, only those are
    taken.

    Args:
        *args: Those of :class:`BadSamplePolicy` and the dataset.
        **kwargs: Likewise.

    Attributes:
        LAYOUT (str): What the folders hold, for messages.

    Raises:
        FileNotFoundError: If a folder or ``ann_file`` does not exist.
        ValueError: If there is no sample; or if files have no match, unless ``bad_samples='skip'``
            leaves them out.
    """

    LAYOUT = 'images and maps of equal names'

    def folder_groups(self) -> list[dict[str, str]]:
        """Folders that belong together, by key of the paths in a sample."""
        return [dict(self.data_prefix)]

    def list_group(self, folders: Mapping[str, str]) -> Listing:
        """Samples of one of :meth:`folder_groups`.

        Args:
            folders (Mapping[str, str]): Key -> folder.

        Raises:
            FileNotFoundError: If a folder or ``ann_file`` does not exist.
        """
        suffixes = {key: self.suffixes(key) for key in folders}
        try:
            return pair_files(folders, suffixes, self._names(), self._backend_args())
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'{type(self).__name__}: {error}. Expected: {self.LAYOUT}. '
                'Check `data_root` and `data_prefix`.'
            ) from None

    def suffixes(self, key: str) -> Sequence[str]:
        """Suffixes of the files of a folder, by a key of :meth:`folder_groups`."""
        if key == IMAGE_KEY:
            return IMAGE_SUFFIXES
        return MAP_SUFFIXES + REFUSED_SUFFIXES

    def load_data_list(self) -> list[dict]:
        """List the samples, sorted."""
        groups = self.folder_groups()
        listings = [self.list_group(folders) for folders in groups]
        unpaired = [each for part in listings for each in part.unpaired]
        samples = [
            {**sample, **self.describe_group(index, groups[index])}
            for index, part in enumerate(listings)
            for sample in part.samples
        ]
        if unpaired:
            self._report(unpaired, groups, len(samples))
        if not samples:
            folder = groups[0][IMAGE_KEY] if groups else self.data_root
            raise ValueError(
                f'{type(self).__name__} found no sample in {folder}. Expected: {self.LAYOUT}.'
            )
        return samples

    def describe_group(self, index: int, folders: Mapping[str, str]) -> dict[str, Any]:
        """What the samples of a group of :meth:`folder_groups` have beside their paths."""
        return {}

    def get_data_info(self, idx: int) -> dict:
        """A sample, with what all samples share."""
        info = super().get_data_info(idx)
        pairs = self._metainfo.get('flip_pairs', ())
        info['flip_label_pairs'] = [tuple(pair) for pair in pairs]
        if self._metainfo.get('classes'):
            info['num_classes'] = len(self._metainfo['classes'])
        return info

    def _backend_args(self) -> dict | None:
        return getattr(self, 'backend_args', None)

    def _names(self) -> list[str] | None:
        """Names in ``ann_file``; None without one."""
        if not self.ann_file:
            return None
        backend_args = self._backend_args()
        if not fileio.isfile(self.ann_file, backend_args=backend_args):
            raise FileNotFoundError(f'there is no `ann_file` {self.ann_file}')
        text = fileio.get_text(self.ann_file, backend_args=backend_args)
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _report(
        self, unpaired: Sequence[Unpaired], groups: Sequence[Mapping[str, str]], number: int
    ) -> None:
        """Complain about what was left out, or log it."""
        places = [path for folders in groups[:2] for path in folders.values()]
        text = (
            f'{type(self).__name__}: {len(unpaired)} names do not make a '
            f'sample, beside {number} that do, in {", ".join(places)}: '
            + shorten([f'{each.path} ({each.message})' for each in unpaired])
        )
        if not self.may_skip:
            raise ValueError(
                f"{text}. Complete the dataset, or set `bad_samples='skip'` for training."
            )
        print_log(f'{text}. They are left out.', logger='current', level=logging.WARNING)
