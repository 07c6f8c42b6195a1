"""Tells threads that wait for something that nobody wants it any more."""

from __future__ import annotations

import threading

Orders = tuple[threading.Event, ...]
_LOCAL = threading.local()


def obey(orders: Orders) -> None:
    """Let this thread stop when one of these events is set."""
    _LOCAL.orders = orders


def orders() -> Orders:
    """The events at which this thread stops."""
    return getattr(_LOCAL, 'orders', ())


def is_stopped() -> bool:
    """Whether this thread is to stop."""
    return any(order.is_set() for order in orders())
