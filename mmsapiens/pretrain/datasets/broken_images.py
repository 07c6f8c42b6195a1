"""Counting and reporting of images that cannot be read."""

import logging
import os
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch.utils.data import get_worker_info

from ...registry import HOOKS

NUM_SLOTS = 256
CHECK_AFTER = 1000


class TooManyBrokenImagesError(RuntimeError):
    """More images are broken than the run allows."""


class BrokenImages:
    """Counts and names broken images, and stops when there are too many.

    All workers of a process share the counts. The names go into one file per process in ``folder``,
    a line each, by one system call, so that they do not mix. ``max_share`` of the images read, of
    ``total`` or 1000 in the beginning, may be broken.
    """

    def __init__(self, max_share: float, total: int, folder: str | None = None) -> None:
        if not 0 <= max_share <= 1:
            raise ValueError(f'`max_broken_share` must be between 0 and 1, but got {max_share}')
        self.max_share = max_share
        self.check_after = min(CHECK_AFTER, total)
        # A row for each worker and one for the process itself, with one writer and without a lock.
        self.counts = torch.zeros(NUM_SLOTS, 2, dtype=torch.int64).share_memory_()
        self.path: str | None = None
        self._written: set[str] = set()
        if folder is not None:
            self.write_to(folder)

    def write_to(self, folder: str) -> None:
        """Write names into ``folder``; workers must not have started."""
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, f'broken_images_rank{get_rank()}.txt')

    @property
    def read(self) -> int:
        """Images read by this process and its workers."""
        return int(self.counts[:, 0].sum())

    @property
    def broken(self) -> int:
        """Broken ones among them; one met again counts again."""
        return int(self.counts[:, 1].sum())

    def count(self, column: int = 0) -> None:
        """Count one image that is read (column 0) or broken (1)."""
        worker = get_worker_info()
        self.counts[0 if worker is None else worker.id % (NUM_SLOTS - 1) + 1, column] += 1

    def add(self, name: str, reason: str) -> None:
        """Count and name a broken image; a TooManyBrokenImagesError if it is one too many."""
        self.count(1)
        self._write(name, reason)
        if self.broken > self.max_share * max(self.read, self.check_after):
            where = f' See {self.path}.' if self.path else ''
            raise TooManyBrokenImagesError(
                f'{self.broken} of {self.read} images read by this process are broken, more than '
                f'`max_broken_share` ({self.max_share:g}) allows.{where} The last one: {reason} '
                'Repair the data, or raise `max_broken_share`.'
            )

    def _write(self, name: str, reason: str) -> None:
        if self.path is None or name in self._written:
            return
        if not self._written and os.path.isfile(self.path):
            with open(self.path, encoding='utf-8') as file:
                self._written = {line.split('\t')[0] for line in file}
        if name not in self._written:
            self._written.add(name)
            line = f'{name}\t{" ".join(reason.split())}\n'
            with open(self.path, 'ab', buffering=0) as file:
                file.write(line.encode())


@HOOKS.register_module()
class BrokenImagesHook(Hook):
    """Logs how many images were broken, when there are new ones; each process its own.

    Their names go into the working directory, unless the dataset has a ``broken_dir``.

    Args:
        interval (int): Steps between looks. Defaults to 1000.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 1000) -> None:
        self.interval = interval
        self.reported = 0

    def before_run(self, runner: Runner) -> None:
        images = runner.train_loop.dataloader.dataset.broken
        if images.path is None:
            images.write_to(runner.work_dir)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        if self.every_n_train_iters(runner, self.interval):
            self.after_train(runner)

    def after_train(self, runner: Runner) -> None:
        images = runner.train_loop.dataloader.dataset.broken
        if images.broken > self.reported:
            self.reported = images.broken
            where = f', named in {images.path}' if images.path else ''
            text = f'{images.broken} of {images.read} images read by this process are broken'
            print_log(text + where, logger='current', level=logging.WARNING)
