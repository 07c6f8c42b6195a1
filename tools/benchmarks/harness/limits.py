"""What a device can do: its matrix rate and bandwidth, measured."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .clock import alternate, clock_of


@dataclass
class Limits:
    """Rates of a device.

    Args:
        flops_per_s (dict[str, float]): Name of a dtype -> rate of matrix products.
        bytes_per_s (float): Read and written by a copy.
        device (str): Its name.
        software (str): Versions.
        threads (int): Of the CPU.
    """

    flops_per_s: dict[str, float] = field(default_factory=dict)
    bytes_per_s: float = 0.0
    device: str = ''
    software: str = ''
    threads: int = 1

    def least_seconds(
        self, flops: float | None, num_bytes: float | None, dtype: str = 'float32'
    ) -> float | None:
        """Time below which work cannot be done; None where not known."""
        times = []
        if flops and dtype in self.flops_per_s:
            times.append(flops / self.flops_per_s[dtype])
        if num_bytes and self.bytes_per_s:
            times.append(num_bytes / self.bytes_per_s)
        return max(times, default=None)

    def to_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def device_name(device: str) -> str:
    """Name of the processor or the GPU."""
    if device == 'cuda':
        import torch

        return torch.cuda.get_device_name()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()


def measure_limits(device: str, threads: int, small: bool = False) -> Limits:
    """Measure matrix products and a copy.

    Args:
        device (str): 'cpu' or 'cuda'.
        threads (int): Of torch on the CPU.
        small (bool): Whether to be quick instead of exact. Defaults to False.

    Returns:
        Limits: The rates; bfloat16 only on a GPU, as few CPUs have it.
    """
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    is_gpu = device == 'cuda'
    dtypes = ['bfloat16', 'float32'] if is_gpu else ['float32']
    side = 256 if small else 8192 if is_gpu else 2048
    rates = {}
    for name in dtypes:
        left = torch.randn(side, side).to(device, getattr(torch, name))
        right = left.clone()
        times = alternate(
            {'mm': lambda a=left, b=right: torch.mm(a, b)},
            repeat=3 if small else 25 if is_gpu else 7,
            device=device,
            clock=clock_of(device, threads),
        )
        rates[name] = 2 * side**3 / min(times['mm'].seconds)
    count = 2**20 if small else 2**30 if is_gpu else 2**26
    source = torch.zeros(count, device=device)
    target = torch.ones_like(source)
    times = alternate(
        {'copy': lambda: target.copy_(source)},
        repeat=5,
        device=device,
        clock=clock_of(device, threads),
    )
    return Limits(
        flops_per_s=rates,
        bytes_per_s=2 * 4 * count / min(times['copy'].seconds),
        device=device_name(device),
        software=f'torch {torch.__version__}, numpy {np.__version__}',
        threads=threads,
    )
