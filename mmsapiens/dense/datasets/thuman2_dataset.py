"""Renders of THuman2.0 for the evaluation of depth and normals."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log

from ...registry import DATASETS
from .dense_folder_dataset import DenseFolderDataset

THUMAN2_VIEWS = ('face', 'upper_body', 'full_body')
THUMAN2_SCANS = 526


@DATASETS.register_module()
class THuman2Dataset(DenseFolderDataset):
    """One render of each of 526 scans in each of three views.

    The release (Yu et al., "Function4D", CVPR 2021) has scans only; the folders of renders are
    ours, see ``docs/dense_datasets.md``. The paper tests on 1578 images. Samples also have
    ``view``.

    Args:
        views (Sequence[str]): Of 'face', 'upper_body' and 'full_body', in
            the order of the samples. Defaults to all of them.
        **kwargs: Those of :class:`DenseFolderDataset`; ``test_mode`` defaults
            to True.

    Raises:
        ValueError: If a view is unknown or named twice.
    """

    LAYOUT = (
        '<view>/images/0000.png to 0525.png and, of equal names, <view>/masks,'
        ' depths and normals; views face, upper_body, full_body'
    )

    def __init__(self, *, views: Sequence[str] = THUMAN2_VIEWS, **kwargs: Any) -> None:
        unknown = set(views) - set(THUMAN2_VIEWS)
        if unknown or not views or len(set(views)) < len(views):
            raise ValueError(
                f'`views` must be different ones of {THUMAN2_VIEWS}, but got {tuple(views)}'
            )
        self.views = tuple(views)
        kwargs.setdefault('test_mode', True)
        super().__init__(**kwargs)

    def folder_groups(self) -> list[dict[str, str]]:
        """Folders of each view."""
        return [
            self.find_folders('/'.join(filter(None, (self.split, view)))) for view in self.views
        ]

    def load_data_list(self) -> list[dict]:
        """List the samples; a warning says when there are others than 526."""
        samples = super().load_data_list()
        for view in self.views:
            count = sum(sample['view'] == view for sample in samples)
            if count != THUMAN2_SCANS:
                print_log(
                    f'THuman2Dataset has {count} renders of the view {view}, '
                    f'but the paper tests on {THUMAN2_SCANS}: figures cannot '
                    'be compared with its tables.',
                    logger='current',
                    level=logging.WARNING,
                )
        return samples

    def describe_group(self, index: int, folders: Mapping[str, str]) -> dict[str, Any]:
        """The view."""
        return dict(view=self.views[index])
