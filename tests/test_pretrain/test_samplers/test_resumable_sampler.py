"""ResumableSampler and ResumableBatchSampler."""

import pickle

import numpy as np
import pytest

from mmsapiens.pretrain.samplers import ResumableBatchSampler, ResumableSampler
from mmsapiens.pretrain.samplers.random_order import SampleIndex


class Shards:
    """Sizes of a dataset of shards."""

    def __init__(self, *sizes):
        self.block_sizes = np.array(sizes)

    def __len__(self):
        return int(self.block_sizes.sum())


UNEVEN = Shards(40, 1, 0, 25, 17, 0, 30, 0)


def sampler(dataset, rank=0, world_size=1, monkeypatch=None, **kwargs):
    monkeypatch.setattr(
        'mmsapiens.pretrain.samplers.resumable_sampler.get_dist_info', lambda: (rank, world_size)
    )
    kwargs = dict(seed=0, window=16) | kwargs
    return ResumableSampler(dataset, **kwargs)


@pytest.fixture
def build(monkeypatch):
    """Batch samplers of all processes."""

    def build_all(dataset, world_size, batch_size=4, drop_last=False, **kw):
        return [
            ResumableBatchSampler(
                sampler(dataset, rank, world_size, monkeypatch, **kw), batch_size, drop_last
            )
            for rank in range(world_size)
        ]

    return build_all


def draw(samplers, epoch=0):
    """Batches of all processes, one list of steps each."""
    for each in samplers:
        each.sampler.set_epoch(epoch)
    return [list(each) for each in samplers]


def flat(batches):
    return [int(i) for rank in batches for batch in rank for i in batch]


DATASETS = pytest.mark.parametrize('dataset', [UNEVEN, range(113)])


@DATASETS
@pytest.mark.parametrize('world_size', [1, 2, 3, 7])
@pytest.mark.parametrize('batch_size', [1, 4, 37])
def test_each_sample_once_in_equal_steps(build, dataset, world_size, batch_size):
    samplers = build(dataset, world_size, batch_size)
    batches = draw(samplers)
    assert sorted(flat(batches)) == list(range(113))
    assert {len(rank) for rank in batches} == {len(samplers[0])}
    for rank in batches:
        assert all(len(batch) == batch_size for batch in rank[:-1])
        assert 1 <= len(rank[-1]) <= batch_size + 1


@DATASETS
def test_epochs_differ_and_seeds_repeat(build, dataset):
    first, again = build(dataset, 2), build(dataset, 2)
    assert draw(first) == draw(again)
    assert draw(first, 1) == draw(again, 1)
    assert draw(first) != draw(first, 1)
    assert draw(first) != draw(build(dataset, 2, seed=1))


def test_without_shuffling_the_order_is_that_of_the_data(build):
    assert flat(draw(build(UNEVEN, 2, shuffle=False))) == list(range(113))


def test_drop_last_gives_only_full_batches(build):
    batches = draw(build(UNEVEN, 2, drop_last=True))
    assert [len(rank) for rank in batches] == [14, 14]
    assert all(len(batch) == 4 for rank in batches for batch in rank)


def test_a_window_reads_from_few_shards(build):
    dataset = Shards(*[16] * 50)
    batches = draw(build(dataset, 1, 16))
    for batch in batches[0]:
        assert len({i // 16 for i in batch}) == 1
    assert batches[0][0] != sorted(batches[0][0])


@DATASETS
@pytest.mark.parametrize('steps', [0, 1, 7, 13, 14])
def test_resume_continues_exactly(build, dataset, steps):
    whole = draw(build(dataset, 2), 3)
    before, after = build(dataset, 2), build(dataset, 2, seed=99)
    draw(before, 3)
    for rank in range(2):
        # Through a checkpoint, and the same for all processes.
        state = pickle.loads(pickle.dumps(before[0].state_after(steps)))
        after[rank].sampler.load_state_dict(state)
        assert list(after[rank]) == whole[rank][steps:]
        assert after[rank].steps_left == len(whole[rank]) - steps
    assert draw(after, 4) == draw(before, 4)


def test_resume_twice(build):
    whole = draw(build(UNEVEN, 2))
    first = build(UNEVEN, 2)[0].state_after(3)
    samplers = build(UNEVEN, 2)
    samplers[0].sampler.load_state_dict(first)
    second = samplers[0].state_after(4)
    samplers[1].sampler.load_state_dict(second)
    assert list(samplers[1]) == whole[1][7:]


@DATASETS
def test_resume_with_other_numbers_of_processes(build, dataset):
    seen, state = [], None
    for world_size, batch_size, steps in [(2, 4, 3), (5, 2, 4), (3, 7, 99)]:
        samplers = build(dataset, world_size, batch_size)
        if state is not None:
            for each in samplers:
                each.sampler.load_state_dict(state)
        assert len({each.steps_left for each in samplers}) == 1
        steps = min(steps, samplers[0].steps_left)
        seen += flat([list(each)[:steps] for each in samplers])
        state = samplers[0].state_after(steps)
    assert sorted(seen) == list(range(113))


def test_indices_carry_the_epoch_through_pickle(build):
    index = draw(build(UNEVEN, 1))[0][0][0]
    other = draw(build(UNEVEN, 1), 1)[0][0][0]
    assert isinstance(index, SampleIndex)
    assert index.epoch_seed != other.epoch_seed
    copied = pickle.loads(pickle.dumps(index))
    assert (copied, copied.epoch_seed) == (index, index.epoch_seed)


def test_state_of_other_data_is_refused(build):
    state = build(UNEVEN, 1)[0].state_after(2)
    with pytest.raises(ValueError, match='`total` was 113 then and is 50'):
        build(range(50), 1)[0].sampler.load_state_dict(state)


def test_fewer_samples_than_processes_are_refused(build):
    with pytest.raises(ValueError, match='3 samples for 4 processes'):
        build(range(3), 4)


def test_drop_last_must_leave_a_batch(build):
    with pytest.raises(ValueError, match='leaves nothing'):
        build(range(7), 2, drop_last=True)


def test_another_sampler_is_refused():
    with pytest.raises(TypeError, match='ResumableSampler'):
        ResumableBatchSampler([1, 2], 4)
