"""Pieces of messages."""

from collections.abc import Sequence

MAX_NAMES = 5


def shorten(names: Sequence[object]) -> str:
    """The first of ``names`` for a message."""
    shown = ', '.join(map(str, names[:MAX_NAMES]))
    return shown + (', ...' if len(names) > MAX_NAMES else '')
