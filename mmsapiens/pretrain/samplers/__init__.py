"""Samplers that can start in the middle of an epoch."""

from .resumable_batch_sampler import ResumableBatchSampler
from .resumable_sampler import ResumableSampler
from .sample_index import SampleIndex

__all__ = ['ResumableBatchSampler', 'ResumableSampler', 'SampleIndex']
