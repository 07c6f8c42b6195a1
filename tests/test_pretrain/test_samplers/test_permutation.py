"""Permutation."""

import numpy as np
import pytest

from mmsapiens.pretrain.samplers.random_order import Permutation


@pytest.mark.parametrize('size', [1, 2, 3, 5, 64, 1000, 4097])
def test_each_element_once(size):
    order = Permutation(size, 3)(np.arange(size))
    assert np.array_equal(np.sort(order), np.arange(size))


def test_seeds_give_different_orders():
    positions = np.arange(1000)
    first, second = (Permutation(1000, seed)(positions) for seed in (0, 1))
    assert (first == second).mean() < 0.01
    assert np.array_equal(first, Permutation(1000, 0)(positions))


def test_every_element_can_come_first():
    counts = np.bincount([int(Permutation(10, seed)(np.array([0]))[0]) for seed in range(3000)])
    assert counts.min() > 230  # 300 expected, standard deviation 16
    assert counts.max() < 370


def test_neighbors_are_torn_apart():
    order = Permutation(100_000, 0)(np.arange(100_000))
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02


def test_300_million_need_no_table():
    permutation = Permutation(300_000_000, 7)
    order = permutation(np.arange(10_000))
    assert order.max() < 300_000_000
    assert len(np.unique(order)) == 10_000
