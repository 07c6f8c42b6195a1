"""Training loops."""

from .resumable_train_loops import ResumableEpochTrainLoop, ResumableIterTrainLoop

__all__ = ['ResumableEpochTrainLoop', 'ResumableIterTrainLoop']
