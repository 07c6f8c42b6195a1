"""A progress bar in place of log lines."""

from __future__ import annotations

import sys
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ...registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows a bar with loss and remaining time for training and evaluation.

    Only the first process draws. Where the output is no terminal, a line is printed for every tenth
    of the work instead.

    Args:
        label (str): Word in front of the training bar. Defaults to 'training'.
    """

    priority = 'VERY_LOW'

    def __init__(self, label: str = 'training') -> None:
        self.label = label
        self.progress: Progress | None = None
        self.tasks: dict[str, TaskID] = {}
        self.last_tenth: dict[str, int] = {}

    def _start(self, mode: str, label: str, total: int) -> None:
        if not is_main_process():
            return
        if self.progress is None:
            self.progress = Progress(
                TextColumn('{task.description:>12}'),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn('{task.fields[note]}'),
                console=Console(file=sys.stdout),
                disable=not sys.stdout.isatty(),
            )
            self.progress.start()
        if mode not in self.tasks:
            self.tasks[mode] = self.progress.add_task(label, note='')
        self.progress.reset(self.tasks[mode], total=total, description=label, note='')
        self.last_tenth[mode] = 0

    def _update(self, mode: str, done: int, note: str = '') -> None:
        if self.progress is None:
            return
        task_id = self.tasks[mode]
        self.progress.update(task_id, completed=done, note=note)
        task = self.progress.tasks[task_id]
        tenth = int(10 * done / task.total) if task.total else 0
        if self.progress.disable and tenth > self.last_tenth[mode]:
            self.last_tenth[mode] = tenth
            print(f'{task.description}: {done}/{task.total:.0f} {note}', flush=True)

    def _stop(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
            self.tasks.clear()

    def before_train(self, runner: Runner) -> None:
        """Show the training bar."""
        self._start('train', self.label, runner.max_iters)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Advance the training bar."""
        loss = (outputs or {}).get('loss')
        note = '' if loss is None else f'loss {loss.item():.4f}'
        self._update('train', runner.iter + 1, note)

    def after_train(self, runner: Runner) -> None:
        """Remove the bars."""
        self._stop()

    def before_val_epoch(self, runner: Runner) -> None:
        """Show the evaluation bar."""
        self._start('val', 'evaluation', len(runner.val_dataloader))

    def after_val_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Advance the evaluation bar."""
        self._update('val', batch_idx + 1)

    def before_test_epoch(self, runner: Runner) -> None:
        """Show the test bar."""
        self._start('test', 'evaluation', len(runner.test_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Advance the test bar."""
        self._update('test', batch_idx + 1)

    def after_test(self, runner: Runner) -> None:
        """Remove the bars."""
        self._stop()
