"""Stages that overlap: order, bounds, errors, ends."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmsapiens.inference.prefetch import FrameError, in_chunks, map_ahead, naming, run_ahead


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Counted:
    """A stage that counts what it gave and knows whether it was closed."""

    def __init__(self, number, error_at=None):
        self.number, self.error_at = number, error_at
        self.given, self.is_closed = 0, False

    def stage(self):
        try:
            for index in range(self.number):
                if index == self.error_at:
                    raise OSError(f'item {index}')
                self.given += 1
                yield index
        finally:
            self.is_closed = True


def test_order_is_kept():
    assert list(run_ahead(Counted(50).stage(), 3, 'a')) == list(range(50))


def test_only_so_many_items_wait():
    source = Counted(1000)
    stage = run_ahead(source.stage(), 2, 'a')
    for taken, _ in enumerate(stage, 1):
        # Two wait, one is in the hand of the thread.
        assert source.given <= taken + 3
    assert source.given == 1000


def test_errors_reach_the_consumer_after_what_came_before():
    seen = []
    with pytest.raises(OSError, match='item 3'):
        for item in run_ahead(Counted(9, error_at=3).stage(), 2, 'a'):
            seen.append(item)
    assert seen == [0, 1, 2]


def test_closing_ends_every_stage():
    source = Counted(1000)
    inner = in_chunks(run_ahead(source.stage(), 1, 'a'), 1, int, 100)
    outer = run_ahead(inner, 1, 'b')
    assert next(outer) == [0]
    outer.close()
    assert source.is_closed and source.given < 10


def test_a_consumer_that_is_interrupted_ends_every_stage():
    source = Counted(1000)
    stage = run_ahead(source.stage(), 1, 'a')

    def consume():
        try:
            for _ in stage:
                raise KeyboardInterrupt
        finally:
            stage.close()

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert source.is_closed


def test_a_pool_keeps_the_order_and_its_bound():
    running, most = [], []
    lock = threading.Lock()

    def work(item):
        with lock:
            running.append(item)
            most.append(len(running))
        with lock:
            running.remove(item)
        return item * 2

    source = Counted(40)
    with ThreadPoolExecutor(3) as pool:
        stage = map_ahead(work, source.stage(), pool, 4)
        for taken, item in enumerate(stage):
            assert item == taken * 2
            assert source.given <= taken + 5
    assert max(most) <= 3


def test_an_error_in_a_pool_stops_the_stage():
    source = Counted(1000)

    def work(item):
        if item == 2:
            raise ValueError('two')
        return item

    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match='two'):
        list(map_ahead(work, source.stage(), pool, 2))
    assert source.is_closed and source.given < 10


def test_chunks_end_by_number_and_by_cost():
    chunks = list(in_chunks([1, 1, 1, 9, 1, 1], 2, int, 100))
    assert chunks == [[1, 1], [1, 9], [1, 1]]
    chunks = list(in_chunks([1, 1, 9, 1], 3, int, 8))
    assert chunks == [[1, 1, 9], [1]]


def test_errors_say_which_frame():
    with (
        pytest.raises(FrameError, match='depth of a, b: ValueError: no') as e,
        naming(['a', 'b'], 'depth'),
    ):
        raise ValueError('no')
    assert e.value.names == ('a', 'b')
    assert isinstance(e.value.__cause__, ValueError)
    with pytest.raises(FrameError, match='smaller `batch_size`'), naming(['a'], 'depth'):
        raise RuntimeError('CUDA out of memory')


def test_map_ahead_holds_few_costly_items():
    given_out, at_work = [], []

    def items():
        for number in range(6):
            at_work.append(number - len(given_out))
            yield number

    with ThreadPoolExecutor(2) as pool:
        for number in map_ahead(lambda item: item, items(), pool, 4, lambda item: 5, 10):
            given_out.append(number)
    assert given_out == list(range(6))
    assert max(at_work) == 1
