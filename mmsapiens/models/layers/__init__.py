"""Blocks that two or more models share."""

from ...ops.unit_vectors import unit_vectors
from .blocks import compile_blocks, find_blocks
from .deconv_trunk import conv_layers, deconv_layers
from .patch_embed import PatchEmbed, PatchPadding
from .transformer import (
    LAYER_NORM_EPS,
    DropPath,
    FeedForward,
    MultiheadAttention,
    TransformerLayer,
    TransformerLayers,
)

__all__ = [
    'LAYER_NORM_EPS',
    'DropPath',
    'FeedForward',
    'MultiheadAttention',
    'PatchEmbed',
    'PatchPadding',
    'TransformerLayer',
    'TransformerLayers',
    'compile_blocks',
    'conv_layers',
    'deconv_layers',
    'find_blocks',
    'unit_vectors',
]
