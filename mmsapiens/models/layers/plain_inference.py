"""When a faster way with the same numbers may be taken."""

from __future__ import annotations

import torch
from torch import Tensor


def is_plain_inference(x: Tensor) -> bool:
    """Whether only numbers count: no gradient, graph, trace or autocast."""
    return (
        type(x) is Tensor
        and x.device.type == 'cpu'
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled('cpu')
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )
