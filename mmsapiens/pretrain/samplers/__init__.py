"""Samplers that can start in the middle of an epoch."""

from .random_order import SampleIndex
from .resumable_sampler import ResumableBatchSampler, ResumableSampler

__all__ = ['ResumableBatchSampler', 'ResumableSampler', 'SampleIndex']
