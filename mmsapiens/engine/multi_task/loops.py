"""Evaluation of several tasks in one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.runner import Runner, TestLoop, ValLoop

from ...registry import LOOPS
from .data import TASK


class _TaskByTask:
    """An evaluation of one task after the other, as one; metrics are named TASK/NAME.

    ``dataloader`` and ``evaluator`` are mappings from tasks to those of a single task, with
    ``_scope_`` in their dataset and metrics; a ValueError if they name different tasks.
    """

    runner: Any
    dataloader: Any
    evaluator: Any
    run_iter: Any
    mode: str

    def __init__(
        self,
        runner: Runner,
        dataloader: Mapping[str, Any],
        evaluator: Mapping[str, Any],
        fp16: bool = False,
    ) -> None:
        if set(dataloader) != set(evaluator):
            raise ValueError(
                f'`{self.mode}_dataloader` and `{self.mode}_evaluator` must name the same tasks, '
                f'but got {sorted(dataloader)} and {sorted(evaluator)}'
            )
        self.parts: dict[str, tuple[Any, Any]] = {}
        for name, loader in dataloader.items():
            super().__init__(runner, loader, evaluator[name], fp16)  # type: ignore[call-arg]
            self.parts[name] = self.dataloader, self.evaluator

    def run(self) -> dict[str, Any]:
        """Evaluate all tasks, and return their metrics."""
        for moment in (f'before_{self.mode}', f'before_{self.mode}_epoch'):
            self.runner.call_hook(moment)
        self.runner.model.eval()
        metrics: dict[str, Any] = {}
        for name, (loader, evaluator) in self.parts.items():
            self.dataloader, self.evaluator = loader, evaluator
            dataset = loader.dataset
            self.runner.visualizer.dataset_meta = getattr(dataset, 'metainfo', None)
            for index, batch in enumerate(loader):
                self.run_iter(index, {**batch, TASK: name})
            found = evaluator.evaluate(len(dataset))
            metrics |= {f'{name}/{key}': value for key, value in found.items()}
        self.runner.call_hook(f'after_{self.mode}_epoch', metrics=metrics)
        self.runner.call_hook(f'after_{self.mode}')
        return metrics


@LOOPS.register_module()
class MultiTaskValLoop(_TaskByTask, ValLoop):
    """Validation of several tasks in one run."""

    mode = 'val'


@LOOPS.register_module()
class MultiTaskTestLoop(_TaskByTask, TestLoop):
    """Test of several tasks in one run."""

    mode = 'test'
