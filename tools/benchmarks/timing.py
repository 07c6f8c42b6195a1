"""Two ways of the same work in turns, in one process, and lines of a table in Markdown."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def alternate(
    ways: Mapping[str, Callable[[], object]], repeat: int = 5, device: str = 'cpu'
) -> dict[str, tuple[float, float]]:
    """Call each way once, then in turns, every other round in reverse order.

    One thread of a CPU is measured by the clock of the process, which other processes disturb less.

    Args:
        ways (Mapping[str, Callable]): Name -> what does the work.
        repeat (int): Rounds after the first calls. Defaults to 5.
        device (str): Where the work is done. Defaults to 'cpu'.

    Returns:
        dict[str, tuple[float, float]]: Seconds of the first call, and the median of the others.
    """
    is_alone = device == 'cpu' and torch.get_num_threads() == 1
    clock = time.process_time if is_alone else time.perf_counter

    def call(name: str) -> float:
        start = clock()
        ways[name]()
        if device == 'cuda':
            torch.cuda.synchronize()
        return clock() - start

    first = {name: call(name) for name in ways}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for _ in range(repeat):
        order.reverse()
        for name in order:
            seconds[name].append(call(name))
    return {name: (first[name], statistics.median(seconds[name])) for name in ways}


def show(work: str, unit: str, ours: float, stock: float | None = None, note: str = '') -> None:
    """Print a line; a ratio above 1 says that ours is better.

    Args:
        work (str): What was done.
        unit (str): Of the figures; more is better where it ends in '/s'.
        ours (float): Our figure.
        stock (float, optional): That of stock, or of the limit.
        note (str): An error, for one. Defaults to ''.
    """
    ratio = ''
    if stock is not None:
        ratio = f'{ours / stock if unit.endswith("/s") else stock / ours:.3g}'
    other = '' if stock is None else f'{stock:.3g}'
    print(f'| {work} | {unit} | {ours:.3g} | {other} | {ratio} | {note} |', flush=True)


def show_header(device: str = 'cpu') -> None:
    """Print what the table was measured on, and its first lines."""
    name = torch.cuda.get_device_name() if device == 'cuda' else 'CPU'
    print(f'{name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}\n')
    print('| work | unit | ours | stock | ratio | note |\n|---|---|---|---|---|---|')


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Measured operations per second of products of large matrices."""
    side = 8192 if device == 'cuda' else 1024
    left = torch.randn(side, side).to(device, dtype)
    _, seconds = alternate({'mm': lambda: left @ left}, 10, device)['mm']
    return 2 * side**3 / seconds


def count_flops(run: Callable[[], object]) -> int:
    """Operations of matrix products, convolutions and attention in a call."""
    # The fused attention of CPUs is not counted, products of matrices are.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def status_bytes(name: str) -> int:
    """A figure of this process (Linux): 'VmHWM' the peak, 'VmRSS' the present."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    raise KeyError(f'/proc/self/status has no {name}')


def added_peak(run: Callable[[], object]) -> int:
    """Bytes that a call takes beyond what the process has (Linux)."""
    Path('/proc/self/clear_refs').write_text('5')
    before = status_bytes('VmRSS')
    run()
    return status_bytes('VmHWM') - before
