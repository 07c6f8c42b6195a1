"""What FSDP shards and gathers as one unit."""

from __future__ import annotations

from torch import nn

from ...models.layers import TransformerLayer


def wrap_blocks(module: nn.Module, recurse: bool, nonwrapped_numel: int) -> bool:
    """An ``auto_wrap_policy`` of FSDP: each transformer block is a unit.

    Args:
        module (nn.Module): The module to judge.
        recurse (bool): Whether the question is to go on to its children.
        nonwrapped_numel (int): Not used.

    Returns:
        bool: The answer.
    """
    return recurse or isinstance(module, TransformerLayer)
