import copy
import gc
import pickle

import numpy as np
import pytest
import torch

from mmsapiens.pose.codecs import heatmap_memory
from mmsapiens.pose.codecs.heatmap_memory import HeatmapMemory

SHAPE = (3, 8, 6)
WINDOW = (1, slice(2, 5), slice(0, 4))


@pytest.fixture
def memory():
    return HeatmapMemory(SHAPE)


def borrow(memory):
    """An array with ones in one window, as after encoding."""
    maps = memory.take()
    assert not maps.any()
    maps[WINDOW] = 1
    return memory.lend(maps, [WINDOW])


def address(array):
    return array.__array_interface__['data'][0]


def test_released_memory_is_used_again_and_clean(memory):
    array = borrow(memory)
    before = address(array)
    assert (array.shape, array.dtype) == (SHAPE, np.float32)
    assert array.flags.c_contiguous and array.flags.writeable
    del array
    again = memory.take()
    assert address(again) == before
    assert not again.any()


def test_released_by_the_garbage_collector(memory):
    circle = [borrow(memory)]
    before = address(circle[0])
    circle.append(circle)
    del circle
    gc.collect()
    assert address(memory.take()) == before


@pytest.mark.parametrize(
    'make',
    [
        lambda array: array,
        lambda array: array[1:, 2:5],
        lambda array: array[1:][:, ::2].T[:0],
        lambda array: array.view(np.int32),
        lambda array: array.flat,
        torch.from_numpy,
        torch.as_tensor,
        torch.from_dlpack,
        lambda array: torch.from_numpy(array)[1, 2],
        lambda array: torch.from_numpy(array).permute(2, 0, 1).detach(),
        memoryview,
        lambda array: np.asarray(memoryview(array))[1],
        lambda array: np.frombuffer(array.data, np.float32),
    ],
)
def test_memory_in_use_is_not_given_away(memory, make):
    array = borrow(memory)
    before = address(array)
    made = make(array)
    del array
    others = [borrow(memory) for _ in range(3)]
    assert before not in [address(other) for other in others]
    del made, others
    assert before in [address(memory.take()) for _ in range(4)]


def test_free_memory_is_bounded(memory, monkeypatch):
    assert HeatmapMemory((308, 256, 192))._free.maxlen == 4
    assert HeatmapMemory((3000, 1024, 1024))._free.maxlen == 1
    size = memory.take().nbytes
    monkeypatch.setattr(heatmap_memory, 'FREE_BYTES', 2 * size + 1)
    small = HeatmapMemory(SHAPE)
    arrays = [borrow(small) for _ in range(5)]
    assert len(small._free) == 0
    del arrays
    assert len(small._free) == 2


@pytest.mark.parametrize('duplicate', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_start_empty(memory, duplicate):
    borrow(memory)  # comes back at once
    other = duplicate(memory)
    assert other.shape == SHAPE
    assert len(memory._free) == 1
    assert len(other._free) == 0


def test_memory_outlives_its_owner(memory):
    array = borrow(memory)
    del memory
    gc.collect()
    assert array[WINDOW].sum() == array.sum() == 12
