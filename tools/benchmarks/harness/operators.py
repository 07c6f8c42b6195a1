"""Time, operations and bytes of each operator of a call on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from .clock import clock_of
from .limits import Limits


@dataclass
class Usage:
    """What an operator took.

    Attributes:
        calls (int): How often it ran.
        seconds (float): All calls together.
        flops (int): Of matrix products and convolutions.
        num_bytes (int): Tensors that went in and came out.
    """

    calls: int = 0
    seconds: float = 0.0
    flops: int = 0
    num_bytes: int = 0


def _attention_flops(query: Tensor, key: Tensor, *_: Any) -> int:
    batch, heads, tokens, width = query.shape
    return 4 * batch * heads * tokens * key.shape[2] * width


class OperatorMode(TorchDispatchMode):
    """Counts every operator inside.

    Args:
        clock (Callable): Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self.clock = clock
        self.usage: dict[str, Usage] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run and count an operator."""
        start = self.clock()
        result = func(*args, **(kwargs or {}))
        seconds = self.clock() - start
        packet = func.overloadpacket
        usage = self.usage.setdefault(packet.__name__, Usage())
        usage.calls += 1
        usage.seconds += seconds
        if packet.__name__.endswith('attention_for_cpu'):
            usage.flops += _attention_flops(*args)
        elif packet in flop_registry:
            count = flop_registry[packet]
            usage.flops += count(*args, **(kwargs or {}), out_val=result)
        if seconds > 1e-5 or usage.flops:  # views move nothing
            tensors = tree_leaves((args, kwargs, result))
            usage.num_bytes += sum(each.nbytes for each in tensors if isinstance(each, Tensor))
        return result


def count_operators(call: Callable[[], Any]) -> tuple[OperatorMode, float]:
    """Run a call and count.

    Args:
        call (Callable): Does the work.

    Returns:
        tuple: What each operator took, and seconds of the whole call.
    """
    call()
    clock = clock_of('cpu', torch.get_num_threads())
    with torch.no_grad(), OperatorMode(clock) as mode:
        start = clock()
        call()
        seconds = clock() - start
    return mode, seconds


def operator_table(
    mode: OperatorMode, seconds: float, limits: Limits, least_share: float = 0.01
) -> Iterator[str]:
    """Lines in Markdown, the slowest operator first.

    Args:
        mode (OperatorMode): Of :func:`count_operators`.
        seconds (float): Of the whole call.
        limits (Limits): Of the device.
        least_share (float): Operators below are put together. Defaults to
            0.01.

    Yields:
        str: A line.
    """
    yield (
        '| operator | calls | s | share | TFLOP | GB | share of the matrix '
        'rate | share of the limit |'
    )
    yield '|---|---|---|---|---|---|---|---|'
    rest = seconds
    rows = sorted(mode.usage.items(), key=lambda item: -item[1].seconds)
    for name, usage in rows:
        if usage.seconds < least_share * seconds:
            break
        rest -= usage.seconds
        rate = limits.flops_per_s['float32']
        matrix = usage.flops / rate / usage.seconds
        least = limits.least_seconds(usage.flops, usage.num_bytes) or 0.0
        yield (
            f'| `{name}` | {usage.calls} | {usage.seconds:.2f} | '
            f'{100 * usage.seconds / seconds:.0f} % | '
            f'{usage.flops / 1e12:.2f} | {usage.num_bytes / 1e9:.1f} | '
            f'{100 * matrix:.0f} % | {100 * least / usage.seconds:.0f} % |'
        )
    yield f'| everything else | | {rest:.2f} | {100 * rest / seconds:.0f} % |'
    total = sum(usage.flops for usage in mode.usage.values())
    share = total / limits.flops_per_s['float32'] / seconds
    yield (f'| together | | {seconds:.2f} | 100 % | {total / 1e12:.2f} | | {100 * share:.0f} % |')
