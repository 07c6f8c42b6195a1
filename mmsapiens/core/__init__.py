"""What everything uses: errors, atomic files, locks, words; no torch, no host."""

from .atomic_files import atomic_open as atomic_open
from .atomic_files import atomic_write as atomic_write
from .errors import BadSampleError as BadSampleError
from .errors import MissingFileError as MissingFileError
from .errors import MissingInputError as MissingInputError
from .errors import ReadError as ReadError
