"""Reports images that could not be read."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class BrokenImagesHook(Hook):
    """Logs how many images were broken, when there are new ones.

    Their names go into the working directory, unless the dataset has a ``broken_dir``.

    Each process logs its own. The dataset stops the run by itself when too many are broken.

    Args:
        interval (int): Steps between looks. Defaults to 1000.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 1000) -> None:
        self.interval = interval
        self.reported = 0

    def before_run(self, runner: Runner) -> None:
        """Choose the file for names."""
        images = runner.train_loop.dataloader.dataset.broken
        if images.path is None:
            images.write_to(runner.work_dir)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Look every ``interval`` steps."""
        if self.every_n_train_iters(runner, self.interval):
            self._report(runner)

    def after_train(self, runner: Runner) -> None:
        """Look at the end."""
        self._report(runner)

    def _report(self, runner: Runner) -> None:
        images = runner.train_loop.dataloader.dataset.broken
        if images.broken > self.reported:
            self.reported = images.broken
            where = f', named in {images.path}' if images.path else ''
            print_log(
                f'{images.broken} of {images.read} images read by this process are broken{where}',
                logger='current',
                level=logging.WARNING,
            )
