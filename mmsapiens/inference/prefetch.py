"""Stages that work at the same time, each a bounded number of items ahead.

A stage is a generator over the one before it. :func:`run_ahead` puts a thread between two stages,
:func:`map_ahead` a pool; all keep the order, hold a fixed number of items however long the stream
is, and end with their consumer: closing the last generator closes every stage, and an error in any
of them reaches the consumer after the others have stopped.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar('T')
R = TypeVar('R')

POLL_S = 0.05
"""How often a waiting stage looks whether it should stop."""


class FrameError(RuntimeError):
    """Something went wrong with a frame; the cause is ``__cause__``.

    Args:
        names (Sequence[str]): Frames that were at work.
        doing (str): What was done with them, such as 'pose-308'.
        error (BaseException): What happened.
        remedy (str): The way out. Defaults to none.
    """

    def __init__(
        self, names: Sequence[str], doing: str, error: BaseException, remedy: str = ''
    ) -> None:
        shown = ', '.join(names)
        text = f'{doing} of {shown}: {type(error).__name__}: {error}'
        super().__init__(f'{text}. {remedy}' if remedy else text)
        self.names = tuple(names)
        self.doing = doing


@contextmanager
def naming(names: Sequence[str], doing: str) -> Iterator[None]:
    """Errors of the block say which frames it was about.

    Args:
        names (Sequence[str]): Names of the frames.
        doing (str): What is done with them.

    Raises:
        FrameError: If the block raises an error.
    """
    try:
        yield
    except FrameError:
        raise
    except Exception as error:
        remedy = ''
        if 'out of memory' in str(error):
            remedy = 'Use a smaller `batch_size`, or `dtype` "bfloat16".'
        raise FrameError(names, doing, error, remedy) from error


def close(items: Iterable[Any]) -> None:
    """Close a generator; anything else needs nothing."""
    if isinstance(items, Generator):
        items.close()


class _End:
    """The last message of a stage.

    Args:
        error (BaseException, optional): Why it ended. Defaults to None, it was done.
    """

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def run_ahead(items: Iterable[T], ahead: int, name: str) -> Generator[T, None, None]:
    """Let a thread fetch items before they are asked for.

    Besides those that wait there is one in the hand of the thread.

    Args:
        items (Iterable): A stage; it runs in the thread, and is closed there.
        ahead (int): Most items that wait.
        name (str): Of the thread.

    Yields:
        The items, in their order.

    Raises:
        BaseException: What ``items`` raised.
    """
    channel: queue.Queue[T | _End] = queue.Queue(maxsize=max(1, ahead))
    stopped = threading.Event()

    def put(message: T | _End) -> bool:
        while not stopped.is_set():
            try:
                channel.put(message, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            try:
                for item in items:
                    if not put(item):
                        return
                    del item  # or a frame would live on while we wait
            finally:
                close(items)
        except BaseException as error:
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        while True:
            message = channel.get()
            if isinstance(message, _End):
                if message.error is not None:
                    raise message.error
                return
            yield message
            del message
    finally:
        stopped.set()
        thread.join()


def look_ahead(
    items: Iterable[T], ahead: int, is_ready: Callable[[T], bool] = lambda item: False
) -> Generator[T, None, None]:
    """Ask for some items before they are given out.

    Args:
        items (Iterable): A stage.
        ahead (int): Most items that wait beside the one that is given out.
        is_ready (Callable): Whether the first of those that wait is given out at once. Defaults to
            never.

    Yields:
        The items, in their order.

    Raises:
        Exception: What ``items`` raised, after what came before.
    """
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
    """Apply a function in a pool, some items ahead.

    Args:
        function (Callable): Of one item.
        items (Iterable): A stage.
        pool (Executor): Runs the function.
        ahead (int): Most items at work beside the one that is given out.
        cost (Callable): Of one item, such as its bytes. Defaults to nothing.
        max_cost (int): Results are given out until the items ahead cost less than this. Defaults to
            1.

    Yields:
        The results, in the order of the items.

    Raises:
        Exception: What ``items`` or the function raised, after the results of what came before.
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
    """Group items, as many as fit.

    Args:
        items (Iterable): A stage.
        size (int): Most items of a chunk.
        cost (Callable): Of one item, such as its bytes.
        max_cost (int): A chunk ends with the item that reaches this.

    Yields:
        list: Chunks of at least one item.
    """
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
