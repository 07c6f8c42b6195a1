"""Masked autoencoding; needs mmpretrain."""

from .. import engine, models, transforms  # noqa: F401
from ..registry import list_in_host
from .datasets import BrokenImagesHook, HumanImageDataset, ShardedImageDataset
from .models import (
    MaskedPatchDecoder,
    MaskedSapiensViT,
    PatchMask,
    Reconstruction,
    SapiensMAE,
    wrap_blocks,
)
from .reconstruction_hook import ReconstructionHook
from .samplers import ResumableBatchSampler, ResumableSampler
from .train_loops import ResumableEpochTrainLoop, ResumableIterTrainLoop

__all__ = [
    'BrokenImagesHook',
    'HumanImageDataset',
    'MaskedPatchDecoder',
    'MaskedSapiensViT',
    'PatchMask',
    'Reconstruction',
    'ReconstructionHook',
    'ResumableBatchSampler',
    'ResumableEpochTrainLoop',
    'ResumableIterTrainLoop',
    'ResumableSampler',
    'SapiensMAE',
    'ShardedImageDataset',
    'wrap_blocks',
]

list_in_host(__name__)
