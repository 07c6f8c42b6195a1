"""What FSDP shards and gathers as one unit."""

from __future__ import annotations

from weakref import WeakSet

from torch import nn

from ...models.layers import find_blocks

_BLOCKS: WeakSet[nn.Module] = WeakSet()


def wrap_blocks(module: nn.Module, recurse: bool, nonwrapped_numel: int) -> bool:
    """An ``auto_wrap_policy`` of FSDP: each transformer block is a unit.

    Args:
        module (nn.Module): The module to judge. FSDP asks about a model before its parts.
        recurse (bool): Whether the question is to go on to its children.
        nonwrapped_numel (int): Not used.

    Returns:
        bool: The answer.
    """
    if recurse:
        _BLOCKS.update(find_blocks(module))
    return recurse or module in _BLOCKS
