"""Samplers that can start in the middle of an epoch."""

from .resumable_sampler import ResumableBatchSampler, ResumableSampler  # noqa: F401
