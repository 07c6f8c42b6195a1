"""A look at the datasets before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn


def leaf_datasets(dataset: Any) -> list[Any]:
    """The datasets inside wrappers, which read files themselves."""
    if hasattr(dataset, 'datasets'):
        return [leaf for part in dataset.datasets for leaf in leaf_datasets(part)]
    if hasattr(dataset, 'dataset'):
        return leaf_datasets(dataset.dataset)
    return [dataset]


class DataCheckHook(Hook):
    """Checks each dataset once, in training also that of validation; subclasses say how."""

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._checked: set[str] = set()

    def check(self, runner: Runner, mode: str, model: nn.Module) -> None:
        """Refuse data that the model must not see.

        ``mode`` is 'train', 'val' or 'test'; the model has no wrapper.
        """
        raise NotImplementedError

    def before_train(self, runner: Runner) -> None:
        """Check the training set and, if there is one, the validation set."""
        self._check_once(runner, 'train')
        if runner.val_loop is not None:
            self._check_once(runner, 'val')

    def before_val(self, runner: Runner) -> None:
        """Check the validation set unless that has been done."""
        self._check_once(runner, 'val')

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        self._check_once(runner, 'test')

    def _check_once(self, runner: Runner, mode: str) -> None:
        if mode not in self._checked:
            self._checked.add(mode)
            model = runner.model
            self.check(runner, mode, model.module if is_model_wrapper(model) else model)
