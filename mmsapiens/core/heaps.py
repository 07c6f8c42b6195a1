"""Memory of a process with many threads."""

import ctypes
import os

_M_ARENA_MAX = -8  # Of ``mallopt`` in glibc
ARENAS = 2


def share_heaps() -> None:
    """Let threads share two heaps, for the rest of the process. glibc gives each thread one, which
    keeps the largest images and maps that passed through it. Other C libraries have no such
    setting, and ``MALLOC_ARENA_MAX`` stands."""
    if 'MALLOC_ARENA_MAX' not in os.environ and os.name == 'posix':
        mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, ARENAS)
