"""Running rows in another process, which may fail, hang or be killed."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from .limits import Limits, measure_limits
from .rows import Settings, load_rows

START_LIMIT_S = 180
"""Seconds to start a process and measure the limits of the device."""


def _clean(device: str) -> None:
    gc.collect()
    if device == 'cuda':
        import torch

        torch._dynamo.reset()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _serve(pipe: Connection, settings: Settings, package: str) -> None:
    """Run the rows whose names come in, until the other side closes."""
    os.setsid()  # so that the children of a row end with it
    import cv2
    import torch
    from mmengine.logging import MMLogger

    MMLogger.get_current_instance().setLevel('ERROR')
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(settings.threads)
    limits = settings.limits
    if limits is None:
        limits = measure_limits(settings.device, settings.threads, settings.small)
        settings = replace(settings, limits=limits)
    rows = load_rows(package)
    pipe.send(('limits', limits))
    while True:
        try:
            name = pipe.recv()
        except EOFError:
            return
        try:
            for line in rows[name].run(settings):
                pipe.send(('line', line.to_dict(limits)))
            pipe.send(('ok', ''))
        except BaseException as error:  # a row must not stop the others
            traceback.print_exc()
            pipe.send(('failed', f'{type(error).__name__}: {error}'))
        _clean(settings.device)


class Worker:
    """A process for rows, started again when it had to be killed.

    Args:
        settings (Settings): Of the run.
        package (str): Where the rows are. Defaults to 'rows'.
    """

    def __init__(self, settings: Settings, package: str = 'rows') -> None:
        self.settings, self.package = settings, package
        self.limits: Limits | None = settings.limits
        self._process: Any = None
        self._pipe: Any = None

    def start(self) -> Limits:
        """Start the process, unless it runs; the limits of the device.

        Raises:
            RuntimeError: If it does not start.
        """
        if self._process is None or not self._process.is_alive():
            context = multiprocessing.get_context('spawn')
            self._pipe, theirs = context.Pipe()
            settings = replace(self.settings, limits=self.limits)
            self._process = context.Process(target=_serve, args=(theirs, settings, self.package))
            self._process.start()
            theirs.close()
            kind, value = self._receive(time.monotonic() + START_LIMIT_S)
            if kind != 'limits':
                raise RuntimeError(f'the process for rows: {kind}, {value}')
            self.limits = value
        assert self.limits is not None
        return self.limits

    def _receive(self, deadline: float) -> tuple[str, Any]:
        try:
            if not self._pipe.poll(max(0, deadline - time.monotonic())):
                return 'stopped', 'it ran past its time limit'
            return self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join(10)
            code = self._process.exitcode
            return 'failed', f'its process ended with exit code {code}'

    def run(self, name: str, limit_s: float, on_line: Callable[[dict], None]) -> tuple[str, str]:
        """Run a row.

        Args:
            name (str): Its name.
            limit_s (float): Seconds after which it is stopped.
            on_line (Callable): Takes each line when it is known.

        Returns:
            tuple[str, str]: Its status, 'ok', 'failed' or 'stopped', and the reason.
        """
        self.start()
        self._pipe.send(name)
        deadline = time.monotonic() + limit_s
        while True:
            kind, value = self._receive(deadline)
            if kind != 'line':
                break
            on_line(value)
        if kind == 'stopped' or not self._process.is_alive():
            self.close()
        return kind, value

    def close(self) -> None:
        """End the process and its children."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(10)
        self._process = None
