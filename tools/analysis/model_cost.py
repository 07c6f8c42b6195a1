"""Counting operations and stored activations without running a model.

Models are built on the meta device and run on tensors without data, so that billions of parameters
cost no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Operations:
    """Multiply-accumulates of a forward pass.

    Attributes:
        linear (int): Of linear layers and convolutions.
        attention (int): Of the two products of attention.
    """

    linear: int
    attention: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.linear + self.attention


class SavedTensors:
    """Counts the bytes that autograd keeps for the backward pass.

    Views of one storage count once, parameters and buffers not at all.

    Args:
        model (nn.Module): Its parameters are left out.
    """

    def __init__(self, model: nn.Module) -> None:
        owned = (*model.parameters(), *model.buffers())
        self._seen = {_storage_key(tensor) for tensor in owned}
        self._alive: list[Tensor] = []
        self.num_bytes = 0

    def _pack(self, tensor: Tensor) -> Tensor:
        key = _storage_key(tensor)
        if key not in self._seen:
            self._seen.add(key)
            self._alive.append(tensor)  # its address is not used again
            self.num_bytes += tensor.untyped_storage().nbytes()
        return tensor

    @contextmanager
    def counting(self) -> Iterator[SavedTensors]:
        """Count inside the context."""
        with torch.autograd.graph.saved_tensors_hooks(self._pack, _same):
            yield self
        self._alive.clear()


def _storage_key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _attention_flops(query: Sequence[int], key: Sequence[int], *args: Any, **kwargs: Any) -> int:
    """Of both products, from the shapes (B, heads, tokens, dims)."""
    batch, heads, tokens, dims = query
    return 2 * 2 * batch * heads * tokens * key[2] * dims


def count_operations(run: Callable[[], Any]) -> Operations:
    """Count a forward pass.

    Args:
        run (Callable[[], Any]): Does it.

    Returns:
        Operations: By kind.
    """
    counter = FlopCounterMode(
        display=False,
        # The one kernel of attention that torch has no formula for.
        custom_mapping={
            torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (_attention_flops)
        },
    )
    with counter, torch.no_grad():
        run()
    linear = attention = 0
    for operator, flops in counter.get_flop_counts()['Global'].items():
        name = str(operator)
        if 'bmm' in name or 'attention' in name:
            attention += flops // 2
        else:
            linear += flops // 2
    return Operations(linear, attention)


@contextmanager
def without_data(model: nn.Module) -> Iterator[nn.Module]:
    """Move a model of the meta device to CPU tensors without data.

    Args:
        model (nn.Module): Built under ``torch.device('meta')``; changed.

    Yields:
        nn.Module: The model; inputs that are created inside have no data either.
    """
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield model.to_empty(device='cpu')


def activation_bytes(model: nn.Module, run: Callable[[], Any], dtype: torch.dtype) -> int:
    """Bytes that a training forward pass keeps.

    Args:
        model (nn.Module): In training mode.
        run (Callable[[], Any]): Does the pass.
        dtype (torch.dtype): Of autocast; float32 for none.

    Returns:
        int: Without parameters, buffers and what autocast caches of them.
    """
    saved = SavedTensors(model)
    autocast = torch.autocast('cpu', dtype, enabled=dtype != torch.float32, cache_enabled=True)
    with saved.counting(), autocast, torch.enable_grad():
        run()
    return saved.num_bytes
