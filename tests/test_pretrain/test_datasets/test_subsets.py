"""Subsets by lists of names."""

import random
import tracemalloc

import numpy as np
import pytest

from mmsapiens.pretrain.datasets import subsets
from mmsapiens.pretrain.datasets.subsets import NumberSet, choose_names

NAMES = [f'{unit:03d}{number:04d}.jpg' for unit in range(7) for number in range(300 * (unit % 3))]


def shards_of(names, per_shard=170):
    """As the dataset gives them, with an empty shard between two."""

    def shards():
        for start in range(0, len(names), per_shard):
            yield start, names[start : start + per_shard]
            yield min(start + per_shard, len(names)), []

    return shards


def write(path, names):
    path.write_text(''.join(f'{name}\n' for name in names))
    return path


def numbers_by_a_set(names, wanted):
    wanted = set(wanted)
    return [number for number, name in enumerate(names) if name in wanted]


@pytest.mark.parametrize('is_list_sorted', [True, False])
@pytest.mark.parametrize('are_shards_sorted', [True, False])
def test_numbers_are_those_of_a_set(tmp_path, is_list_sorted, are_shards_sorted):
    generator = random.Random(0)
    for count in (0, 1, 2, 511, len(NAMES)):
        names, wanted = list(NAMES), generator.sample(NAMES, count)
        wanted += wanted[: count // 3]  # twice in the list
        if is_list_sorted:
            wanted.sort()
        if not are_shards_sorted:
            generator.shuffle(names)
        found = choose_names(write(tmp_path / 'list.txt', wanted), len(names), shards_of(names))
        expected = numbers_by_a_set(names, wanted)
        assert found.numbers().tolist() == expected
        assert [found[i] for i in range(len(found))] == expected


def test_names_of_one_hash_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(subsets, 'hash', len, raising=False)
    names = random.Random(0).sample(NAMES, 200)
    wanted = names[150:20:-3]
    found = choose_names(write(tmp_path / 'list.txt', wanted), len(names), shards_of(names))
    assert found.numbers().tolist() == numbers_by_a_set(names, wanted)


@pytest.mark.parametrize('names', [NAMES, NAMES[::-1]], ids=['in order', 'in another order'])
def test_names_that_no_shard_has_are_counted(tmp_path, names):
    path = write(tmp_path / 'list.txt', [NAMES[3], '0030500.jpg', 'x.jpg', 'y.jpg'])
    with pytest.raises(ValueError, match=r'has 4 names, but the shards 1 of them: .0030500.jpg'):
        choose_names(path, len(names), shards_of(names))


def test_names_of_two_images_are_refused(tmp_path):
    names = ['a.jpg', 'b.jpg', 'a.jpg', 'c.jpg']
    path = write(tmp_path / 'list.txt', ['b.jpg', 'c.jpg'])
    assert choose_names(path, 4, shards_of(names)).numbers().tolist() == [1, 3]
    write(path, ['a.jpg', 'b.jpg'])
    with pytest.raises(ValueError, match=r'.a.jpg. is in the shards twice. Names must be unique'):
        choose_names(path, 4, shards_of(names))


def test_names_in_order_take_no_memory(tmp_path):
    count = 60_000
    path = write(tmp_path / 'list.txt', (f'{n:09d}.jpg' for n in range(count)))

    def shards():
        for start in range(0, count, 1000):
            yield start, [f'{n:09d}.jpg' for n in range(start, start + 1000)]

    tracemalloc.start()
    try:
        assert len(choose_names(path, count, shards)) == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * count  # not even a pointer for each


def test_numbers_before_a_limit_are_counted():
    generator = np.random.default_rng(0)
    numbers = np.sort(generator.choice(5000, 700, replace=False))
    found = NumberSet(5000, [numbers[300:], numbers[:300]])
    assert len(found) == 700
    limits = np.array([0, 1, 511, 512, 513, 4999, 5000])
    assert found.counts_below(limits).tolist() == np.searchsorted(numbers, limits).tolist()
    for index in (-1, 700):
        with pytest.raises(IndexError, match='of 700'):
            found[index]
