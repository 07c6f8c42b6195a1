"""A look at the datasets before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ...registry import HOOKS
from ..heads import DenseHead


def leaf_datasets(dataset: Any) -> list[Any]:
    """The datasets inside wrappers, which read files themselves."""
    if hasattr(dataset, 'datasets'):
        return [x for part in dataset.datasets for x in leaf_datasets(part)]
    if hasattr(dataset, 'dataset'):
        return leaf_datasets(dataset.dataset)
    return [dataset]


@HOOKS.register_module()
class DenseDataCheckHook(Hook):
    """Refuses datasets that a dense head would train on without sense.

    A parsing head of 28 classes learns from 20 without an error, and a validation set without the
    map of the head fails hours later. Both are found before the first iteration, in training also
    for the validation set.

    Raises:
        ValueError: If a dataset has another number of classes than the head, or not the map that
            the head predicts.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Check the training set and, if there is one, the validation set."""
        self._check(runner, 'train')
        if runner.val_loop is not None:
            self._check(runner, 'val')

    def before_val(self, runner: Runner) -> None:
        """Check the validation set."""
        self._check(runner, 'val')

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        self._check(runner, 'test')

    def _check(self, runner: Runner, mode: str) -> None:
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        head = getattr(model, 'decode_head', None)
        if not isinstance(head, DenseHead):
            return
        loader = getattr(runner, f'{mode}_dataloader')
        for dataset in leaf_datasets(loader.dataset):
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
