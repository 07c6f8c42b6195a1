"""Which kernel of attention is the fastest for training, by measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from harness import alternate
from torch.nn.attention import SDPBackend, sdpa_kernel

KERNELS = {
    'flash': SDPBackend.FLASH_ATTENTION,
    'cudnn': SDPBackend.CUDNN_ATTENTION,
    'efficient': SDPBackend.EFFICIENT_ATTENTION,
}


@contextmanager
def prefer(kernel: str) -> Iterator[None]:
    """Take a kernel where it can be used, others elsewhere.

    Args:
        kernel (str): A key of :data:`KERNELS`, or '' for the default order.
    """
    if not kernel:
        yield
        return
    order = [KERNELS[kernel], *KERNELS.values(), SDPBackend.MATH]
    with sdpa_kernel(list(dict.fromkeys(order)), set_priority=True):
        yield


def attention_seconds(
    shape: tuple[int, int, int, int], device: str, repeat: int = 5
) -> dict[str, float]:
    """Time forward and backward passes of attention alone.

    Args:
        shape (tuple[int, int, int, int]): Batch B, heads N, tokens L and width of a head.
        device (str): 'cuda' or 'cpu'.
        repeat (int): Rounds. Defaults to 5.

    Returns:
        dict[str, float]: Kernel -> seconds; those that refuse are left out.
    """
    batch, heads, tokens, width = shape
    packed = torch.randn(
        (batch, tokens, 3, heads, width), device=device, dtype=torch.bfloat16, requires_grad=True
    )
    gradient = torch.randn_like(packed[:, :, 0]).transpose(1, 2)

    def run(kernel: SDPBackend) -> None:
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        with sdpa_kernel(kernel):
            out = F.scaled_dot_product_attention(query, key, value)
        out.backward(gradient)
        packed.grad = None

    ways = {}
    for name, kernel in KERNELS.items():
        try:
            run(kernel)
        except RuntimeError:
            continue  # this kernel does not take the shape or the device
        ways[name] = lambda kernel=kernel: run(kernel)
    timings = alternate(ways, repeat=repeat, device=device)
    return {name: timing.median for name, timing in timings.items()}


def attention_flops(shape: tuple[int, int, int, int]) -> int:
    """Operations of both passes."""
    batch, heads, tokens, width = shape
    return 3 * 4 * batch * heads * tokens**2 * width
