"""Compilation of a model's transformer blocks."""

from __future__ import annotations

from typing import Any

from torch import nn

from .transformer import TransformerLayer


def compile_blocks(model: nn.Module, **settings: Any) -> int:
    """Compile the transformer blocks of a model, each by itself.

    Blocks of one shape share one compilation, so that this takes a fraction of the time of the
    whole model. Names and weights stay as they are. Sizes are not made dynamic: the encoder and the
    decoder of an autoencoder would otherwise share code that is slower for both.

    Args:
        model (nn.Module): With :class:`TransformerLayer` inside; changed.
        **settings (Any): Of ``torch.compile``; ``dynamic`` defaults to
            False.

    Returns:
        int: Number of blocks.

    Raises:
        ValueError: If there is none.
    """
    blocks = [m for m in model.modules() if isinstance(m, TransformerLayer)]
    if not blocks:
        raise ValueError(
            'there is no TransformerLayer to compile in '
            f'{type(model).__name__}: use a model on SapiensViT'
        )
    for block in blocks:
        block.compile(**{'dynamic': False, **settings})
    return len(blocks)
