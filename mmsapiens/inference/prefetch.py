"""Stages that work at the same time, each a bounded number of items ahead.

A stage is a generator over the one before it. All keep the order and end with their consumer:
closing the last generator closes every stage, and an error in any reaches the consumer.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from ..core.stopping import obey, orders

T = TypeVar('T')
R = TypeVar('R')


class FrameError(RuntimeError):
    """Something went wrong with frames that were at work; the cause is ``__cause__``."""

    def __init__(self, names: Sequence[str], doing: str, error: BaseException) -> None:
        text = f'{doing} of {", ".join(names)}: {type(error).__name__}: {error}'
        if 'out of memory' in str(error):
            text += '. Use a smaller `batch_size`, or `dtype` "bfloat16".'
        super().__init__(text)
        self.names, self.doing = tuple(names), doing


@contextmanager
def naming(names: Sequence[str], doing: str) -> Iterator[None]:
    """Errors of the block become a :class:`FrameError` with the frames and what was done."""
    try:
        yield
    except FrameError:
        raise
    except Exception as error:
        raise FrameError(names, doing, error) from error


def close(items: Iterable[Any]) -> None:
    """Close a generator; anything else needs nothing."""
    if isinstance(items, Generator):
        items.close()


def run_ahead(items: Iterable[T], ahead: int, name: str) -> Generator[T, None, None]:
    """Let a thread of this name fetch items before they are asked for: ``ahead``, and one more."""
    source, end, stop = iter(items), object(), threading.Event()
    pool = ThreadPoolExecutor(1, name, obey, ((*orders(), stop),))
    try:
        waiting = deque(pool.submit(next, source, end) for _ in range(ahead + 1))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, source, end))
            yield item  # type: ignore[misc]
            del item  # or a frame would live on while we wait
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        close(items)


def look_ahead(
    items: Iterable[T], ahead: int, is_ready: Callable[[T], bool] = lambda item: False
) -> Generator[T, None, None]:
    """Ask for ``ahead`` items before they are given out; errors come after what came before."""
    waiting: deque[T] = deque()
    failure: Exception | None = None
    source = iter(items)
    try:
        while True:
            try:
                waiting.append(next(source))
            except StopIteration:
                break
            except Exception as error:
                failure = error
                break
            while waiting and (len(waiting) > ahead or is_ready(waiting[0])):
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # or it would refer to itself
    finally:
        close(items)


def map_ahead(
    function: Callable[[T], R],
    items: Iterable[T],
    pool: Executor,
    ahead: int,
    cost: Callable[[T], int] = lambda item: 0,
    max_cost: int = 1,
) -> Generator[R, None, None]:
    """Apply a function in a pool to ``ahead`` items beside the one that is given out, which
    together cost (such as bytes) less than ``max_cost``; errors are raised after what came before.
    """
    total = 0

    def start() -> Generator[tuple[Future[R], int], None, None]:
        nonlocal total
        try:
            for item in items:
                spent = cost(item)
                total += spent
                future = pool.submit(function, item)
                del item
                yield future, spent
                del future
        finally:
            close(items)

    started = look_ahead(start(), ahead, lambda first: total >= max_cost or first[0].done())
    try:
        for future, spent in started:
            total -= spent
            yield future.result()
            del future
    finally:
        started.close()


def in_chunks(
    items: Iterable[T], size: int, cost: Callable[[T], int], max_cost: int
) -> Generator[list[T], None, None]:
    """Group items: at most ``size`` of them, ending with the one that reaches ``max_cost``."""
    chunk: list[T] = []
    total = 0
    try:
        for item in items:
            chunk.append(item)
            total += cost(item)
            del item
            if len(chunk) >= size or total >= max_cost:
                yield chunk
                chunk, total = [], 0
        if chunk:
            yield chunk
    finally:
        close(items)
