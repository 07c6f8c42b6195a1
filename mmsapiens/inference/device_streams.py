"""Batches on a GPU beside each other."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def batches_at_once(device: torch.device) -> int:
    """Batches that a device should have at a time: a GPU computes one while another comes."""
    return 2 if device.type == 'cuda' else 1


_free_streams: dict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)
"""Used again, as memory that PyTorch keeps belongs to a stream."""


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Run what a block does on a GPU beside what other threads do there; complete at its end."""
    if device.type != 'cuda':
        yield
        return
    streams = _free_streams[device]
    try:
        stream = streams.pop()
    except IndexError:
        stream = torch.cuda.Stream(device)
    try:
        # Weights may still be on their way.
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            yield
        stream.synchronize()
    finally:
        streams.append(stream)
