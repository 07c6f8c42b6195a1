"""The transformer blocks of a model: what is compiled, sharded and recomputed as a unit."""

from __future__ import annotations

from typing import Any

from torch import nn


def find_blocks(model: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a model.

    Encoders and decoders list theirs in an attribute ``blocks``, an ``nn.ModuleList``; wrappers
    of FSDP are taken off.
    """
    lists = [getattr(module, 'blocks', None) for module in model.modules()]
    blocks = [block for each in lists if isinstance(each, nn.ModuleList) for block in each]
    blocks = [getattr(block, '_fsdp_wrapped_module', block) for block in blocks]
    return list(dict.fromkeys(blocks))


def compile_blocks(model: nn.Module, **settings: Any) -> int:
    """Compile the transformer blocks of a model, each by itself.

    Blocks of one shape share one compilation, so that this takes a fraction of the time of the
    whole model. Names and weights stay as they are. Sizes are not made dynamic: the encoder and the
    decoder of an autoencoder would otherwise share code that is slower for both.

    ``settings`` are of ``torch.compile``. A model without blocks is a ValueError.
    """
    blocks = find_blocks(model)
    if not blocks:
        raise ValueError(
            f'there are no transformer blocks to compile in {type(model).__name__}: an encoder '
            'lists them in `blocks`, an nn.ModuleList, as SapiensViT does'
        )
    for block in blocks:
        block.compile(**{'dynamic': False, **settings})
    return len(blocks)
