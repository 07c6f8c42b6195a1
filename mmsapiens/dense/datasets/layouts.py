"""Layouts that the checker knows, by task."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import BaseDataset

from .dense_folder_dataset import DenseFolderDataset
from .hi4d_dataset import Hi4DDataset
from .parsing_datasets import BodyParts28Dataset, CIHPDataset, LIPPartsDataset
from .thuman2_dataset import THuman2Dataset

FIELDS_OF_TASK = {
    'parsing': ('seg_map',),
    'depth': ('depth_map', 'human_mask'),
    'normal': ('normal_map', 'human_mask'),
}
LAYOUTS_OF_TASK = {
    'parsing': ('body_parts_28', 'body_parts_34', 'lip', 'cihp', 'folders'),
    'depth': ('folders', 'thuman2', 'hi4d'),
    'normal': ('folders', 'thuman2', 'hi4d'),
}
"""Task -> layouts, the default first."""

_PARSING: dict[str, tuple[type, str]] = {
    'body_parts_28': (BodyParts28Dataset, 'goliath28'),
    'body_parts_34': (BodyParts28Dataset, 'goliath34'),
    'lip': (LIPPartsDataset, 'lip'),
    'cihp': (CIHPDataset, 'cihp'),
}
_FOLDERS: dict[str, type] = {
    'folders': DenseFolderDataset,
    'thuman2': THuman2Dataset,
    'hi4d': Hi4DDataset,
}


def make_dataset(
    task: str,
    root: str,
    layout: str | None = None,
    split: str | None = None,
    with_mask: bool = False,
) -> BaseDataset:
    """A dataset whose files are not listed yet.

    Args:
        task (str): A key of :data:`LAYOUTS_OF_TASK`.
        root (str): Its ``data_root``.
        layout (str, optional): One of the task. Defaults to None, the first.
        split (str, optional): As in the dataset. Defaults to None, its own default.
        with_mask (bool): Whether folders of labels have masks as well. Defaults to False.

    Raises:
        KeyError: If task or layout is unknown.
    """
    if task not in LAYOUTS_OF_TASK:
        raise KeyError(f'`task` must be one of {list(LAYOUTS_OF_TASK)}, but got {task!r}')
    layout = layout or LAYOUTS_OF_TASK[task][0]
    if layout not in LAYOUTS_OF_TASK[task]:
        raise KeyError(
            f'`layout` for {task} must be one of {LAYOUTS_OF_TASK[task]}, but got {layout!r}'
        )
    settings: dict[str, Any] = dict(data_root=root, lazy_init=True)
    if split is not None:
        settings['split'] = split
    if layout in _PARSING:
        kind = _PARSING[layout][0]
        if layout == 'body_parts_34':
            settings['raw_34'] = True
        return kind(**settings)
    fields = FIELDS_OF_TASK[task]
    if with_mask and 'human_mask' not in fields:
        fields += ('human_mask',)
    return _FOLDERS[layout](fields=fields, **settings)


def stored_vocabulary(layout: str) -> str:
    """Class set of the label files of a layout, 'goliath28' by default."""
    return _PARSING[layout][1] if layout in _PARSING else 'goliath28'
