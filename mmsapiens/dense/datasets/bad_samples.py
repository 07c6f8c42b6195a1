"""What a dataset does with samples that cannot be used."""

from __future__ import annotations

import logging
from typing import Any

import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from torch import Tensor

from ...core.errors import BadSampleError
from ...core.formatting import shorten

POLICIES = ('raise', 'skip')
MIN_SEEN = 20
"""Samples to look at before a share is judged."""

_SEEN, _BAD, _LOGGED = 1, 2, 4


class BadSamplePolicy(BaseDataset):
    """A choice between stopping at a bad sample and going on without it.

    In a subclass it stands in front of the stock dataset. A sample is bad if the pipeline raises
    :class:`mmsapiens.core.errors.BadSampleError`. In test mode it always stops: figures of fewer
    samples are others.

    Args:
        *args: Those of the dataset.
        bad_samples (str): 'raise', or 'skip': log the sample once, count it, and take a random
            other one as mmengine does. Defaults to 'raise'.
        max_bad_share (float): Under 'skip', the share of bad samples among
            those looked at, in all workers of a process, above which it
            stops after all; from 20 samples on, or all if there are fewer.
            What counts is the last look at a sample, since augmentation can
            spoil a good one. Defaults to 0.1.
        **kwargs: Those of the dataset.

    Raises:
        ValueError: If ``bad_samples`` is another word, or ``max_bad_share`` is not in [0, 1].
    """

    def __init__(
        self, *args: Any, bad_samples: str = 'raise', max_bad_share: float = 0.1, **kwargs: Any
    ) -> None:
        if bad_samples not in POLICIES:
            raise ValueError(f'`bad_samples` must be one of {POLICIES}, but got {bad_samples!r}')
        if not 0 <= max_bad_share <= 1:
            raise ValueError(f'`max_bad_share` must be in [0, 1], but got {max_bad_share}')
        self.bad_samples = bad_samples
        self.max_bad_share = max_bad_share
        self._states: Tensor | None = None
        super().__init__(*args, **kwargs)

    @property
    def may_skip(self) -> bool:
        """Whether bad samples are left out."""
        return self.bad_samples == 'skip' and not self.test_mode

    @property
    def bad_indices(self) -> list[int]:
        """Samples whose last look failed, in this process and its workers."""
        return (self._shared_states() & _BAD).nonzero().flatten().tolist()

    def full_init(self) -> None:
        """Load the list, and make the memory that workers share."""
        super().full_init()
        self._shared_states()

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; None for a bad sample that is skipped.

        Raises:
            BadSampleError: If the sample is bad and may not be skipped.
            RuntimeError: If too many were skipped.
        """
        if not self.may_skip:
            return super().prepare_data(idx)
        states = self._shared_states()
        idx = idx % len(states)
        try:
            data = super().prepare_data(idx)
        except BadSampleError as error:
            if not states[idx] & _LOGGED:
                path = self.get_data_info(idx).get('img_path')
                print_log(
                    f'sample {idx}, {path}, is left out: {error}',
                    logger='current',
                    level=logging.WARNING,
                )
            states[idx] = _SEEN | _BAD | _LOGGED
            self._check_share(states)
            return None
        states[idx] = _SEEN | (states[idx] & _LOGGED)
        return data

    def _shared_states(self) -> Tensor:
        """Flags of each sample, uint8, in memory that workers share."""
        states = self._states
        if states is None or len(states) != len(self):  # a subset has fewer
            states = torch.zeros(len(self), dtype=torch.uint8)
            self._states = states = states.share_memory_()
        return states

    def _check_share(self, states: Tensor) -> None:
        seen = int((states & _SEEN).count_nonzero())
        bad = int((states & _BAD).count_nonzero())
        if seen < min(MIN_SEEN, len(states)) or (bad <= self.max_bad_share * seen):
            return
        first = [self.get_data_info(index).get('img_path') for index in self.bad_indices[:6]]
        raise RuntimeError(
            f'{bad} of {seen} samples looked at are bad, more than '
            f'`max_bad_share` ({self.max_bad_share:g}) of them: '
            f'{shorten(first)}. The log says what is wrong with each; '
            '`tools/dataset/check_dense.py` finds all. Mend the dataset, or '
            'raise `max_bad_share`.'
        )
