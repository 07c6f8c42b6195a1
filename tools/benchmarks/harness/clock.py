"""Measuring several ways of doing the same work in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Timing:
    """Times of one way.

    Attributes:
        first_s (float): The first call, compiling and warming up included.
        seconds (list[float]): The calls after it.
    """

    first_s: float = 0.0
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of the calls after the first, or that where there are none."""
        return statistics.median(self.seconds or [self.first_s])


def clock_of(device: str, threads: int) -> Callable[[], float]:
    """The clock for work in this process.

    Other processes disturb that of the process less, which only one thread may use, as it adds the
    times of all.

    Args:
        device (str): 'cpu' or 'cuda'.
        threads (int): That the work uses.
    """
    if device == 'cpu' and threads == 1:
        return time.process_time
    return time.perf_counter


def synchronize(device: str) -> None:
    """Wait for a GPU."""
    if device == 'cuda':
        import torch

        torch.cuda.synchronize()


def alternate(
    ways: Mapping[str, Callable[[], object]],
    *,
    repeat: int = 5,
    device: str = 'cpu',
    most_s: float = float('inf'),
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Call each way once, then in turns, each round in reverse order.

    Args:
        ways (Mapping[str, Callable]): Name -> what does the work.
        repeat (int): Rounds after the first calls. Defaults to 5.
        device (str): Where the work is done. Defaults to 'cpu'.
        most_s (float): No round begins when all together took longer. Defaults to infinity.
        clock (Callable): Seconds. ``time.process_time``, for work of one thread, is disturbed less
            by other processes. Defaults to ``time.perf_counter``.

    Returns:
        dict[str, Timing]: Of each way.
    """
    timings = {name: Timing() for name in ways}

    def call(name: str) -> float:
        synchronize(device)
        start = clock()
        ways[name]()
        synchronize(device)
        return clock() - start

    begin = time.perf_counter()
    for name in ways:
        timings[name].first_s = call(name)
    order = list(ways)
    for _ in range(repeat):
        if time.perf_counter() - begin > most_s:
            break
        order.reverse()
        for name in order:
            timings[name].seconds.append(call(name))
    return timings
