"""A look at the datasets before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.runner import Runner
from torch import nn

from ...engine.hooks.data_check_hook import DataCheckHook, leaf_datasets
from ...registry import HOOKS
from ..heads import DenseHead


@HOOKS.register_module()
class DenseDataCheckHook(DataCheckHook):
    """Refuses datasets that a dense head would train on without sense.

    A parsing head of 28 classes learns from 20 without an error, and a validation set without the
    map of the head fails hours later. Both are found before the first iteration, in training also
    for the validation set.

    Raises:
        ValueError: If a dataset has another number of classes than the head, or not the map that
            the head predicts.
    """

    def check(self, runner: Runner, mode: str, model: nn.Module) -> None:
        """Compare each dataset of a loader with the head."""
        head = getattr(model, 'decode_head', None)
        if not isinstance(head, DenseHead):
            return
        for dataset in leaf_datasets(getattr(runner, f'{mode}_dataloader').dataset):
            where = f'`{mode}_dataloader` ({type(dataset).__name__})'
            self._check_dataset(where, dataset, head)

    def _check_dataset(self, where: str, dataset: Any, head: DenseHead) -> None:
        row = head.row
        classes = dataset.metainfo.get('classes')
        if row.is_labels and classes and len(classes) != head.num_classes:
            raise ValueError(
                f'`num_classes` of the head must be the number of classes of '
                f'{where}, {len(classes)}, but got {head.num_classes}. Use '
                'the config of that dataset, or convert its labels '
                '(`vocabulary`).'
            )
        sample = dataset.get_data_info(0)
        if row.path_key not in sample:
            raise ValueError(
                f'the samples of {where} must have `{row.path_key}` for '
                f'{type(head).__name__}, but have {sorted(sample)}. Add '
                f'{row.name!r} to `fields` of the dataset.'
            )
