"""Heads as plain modules: features to maps, and what the maps mean; no losses."""

from .upsampling_heads import (
    HEADS,
    DenseHead,
    DepthHead,
    HeatmapHead,
    NormalHead,
    ParsingHead,
    UpsamplingHead,
    upsample,
)

__all__ = [
    'HEADS',
    'DenseHead',
    'DepthHead',
    'HeatmapHead',
    'NormalHead',
    'ParsingHead',
    'UpsamplingHead',
    'upsample',
]
