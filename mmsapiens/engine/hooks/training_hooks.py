"""A progress bar in place of log lines, and compiled blocks in training."""

import sys
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from rich import progress as bars
from rich.console import Console

from ...models.layers import compile_blocks
from ...registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows a bar with loss and remaining time for training and evaluation, in the first process.

    Where the output is no terminal, a line is printed for every tenth of the work instead.

    Args:
        label (str): Word in front of the training bar. Defaults to 'training'.
    """

    priority = 'VERY_LOW'

    def __init__(self, label: str = 'training') -> None:
        self.label = label
        self.progress: bars.Progress | None = None
        self.tasks: dict[str, bars.TaskID] = {}

    def _start(self, mode: str, label: str, total: int) -> None:
        if not is_main_process():
            return
        if self.progress is None:
            kinds = bars.BarColumn, bars.MofNCompleteColumn, bars.TimeElapsedColumn
            self.progress = bars.Progress(
                bars.TextColumn('{task.description:>12}'),
                *(kind() for kind in (*kinds, bars.TimeRemainingColumn)),
                bars.TextColumn('{task.fields[note]}'),
                console=Console(file=sys.stdout),
                disable=not sys.stdout.isatty(),
            )
            self.progress.start()
        if mode not in self.tasks:
            self.tasks[mode] = self.progress.add_task(label, note='')
        self.progress.reset(self.tasks[mode], total=total, description=label, note='')

    def _update(self, mode: str, done: int, note: str = '') -> None:
        if self.progress is None:
            return
        task = self.progress.tasks[self.tasks[mode]]
        before, total = task.completed, task.total or 1
        self.progress.update(task.id, completed=done, note=note)
        if self.progress.disable and 10 * done // total > 10 * before // total:
            print(f'{task.description}: {done}/{total:.0f} {note}', flush=True)

    def before_train(self, runner: Runner) -> None:
        self._start('train', self.label, runner.max_iters)

    def _before_epoch(self, runner: Runner, mode: str = 'train') -> None:
        if mode != 'train':
            self._start(mode, 'evaluation', len(getattr(runner, f'{mode}_dataloader')))

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
        mode: str = 'train',
    ) -> None:
        if mode != 'train':
            self._update(mode, batch_idx + 1)
            return
        loss = (outputs or {}).get('loss')
        self._update(mode, runner.iter + 1, '' if loss is None else f'loss {loss.item():.4f}')

    def after_train(self, runner: Runner) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
            self.tasks.clear()

    after_test = after_train


@HOOKS.register_module()
class CompileBlocksHook(Hook):
    """Compiles the transformer blocks of a model before training; first steps take longer.

    For pose and dense tasks; pretraining has ``compile_blocks`` of the model.

    Args:
        **settings (Any): Of ``torch.compile``, see :func:`mmsapiens.models.layers.compile_blocks`.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def before_train(self, runner: Runner) -> None:
        number = compile_blocks(runner.model, **self.settings)
        print_log(f'{number} transformer blocks are compiled', 'current')
