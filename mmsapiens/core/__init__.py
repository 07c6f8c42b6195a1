"""What everything uses: errors, atomic files, locks, words; no torch, no host."""

from .atomic_files import atomic_open, atomic_write
from .errors import BadSampleError, MissingFileError, MissingInputError, ReadError

__all__ = [
    'BadSampleError',
    'MissingFileError',
    'atomic_open',
    'atomic_write',
    'MissingInputError',
    'ReadError',
]
