"""A file backend of mmengine for every store that fsspec knows."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from fsspec.core import url_to_fs
from mmengine.fileio import BaseStorageBackend, register_backend

WAITS_S = (0.5, 2.0, 8.0)  # Before the second attempt and the following ones

FINAL_ERRORS = (FileNotFoundError, ImportError, NotImplementedError, PermissionError, ValueError)
"""Errors that another attempt does not mend."""

Result = TypeVar('Result')


class FsspecBackend(BaseStorageBackend):
    """Reads whole files, and parts of files, from object storage; its name is 'fsspec'.

    What a store needs is installed beside it: ``aiohttp`` for http, ``s3fs`` for s3, ``gcsfs`` for
    gs, ``adlfs`` for az. A request that fails for another reason than a missing file or a refusal
    is repeated three times.

    Args:
        **options: Of the file system, such as ``anon=True`` or ``endpoint_url=...``.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def _ask(self, path: str, question: Callable[[Any, str], Result]) -> Result:
        """Ask the store of a path, more than once if need be."""
        for wait in WAITS_S:
            try:
                # Not kept: fsspec has one for each process, also after fork.
                return question(*url_to_fs(path, **self.options))
            except FINAL_ERRORS:
                raise
            except Exception:  # each store has errors of its own
                time.sleep(wait)
        return question(*url_to_fs(path, **self.options))

    def get(self, filepath: str) -> bytes:
        return self._ask(filepath, lambda store, path: store.cat_file(path))

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)

    def get_range(self, filepath: str, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``, or fewer at the end; a ValueError if more come."""

        def read(store: Any, path: str) -> bytes:
            try:
                return store.cat_file(path, start=offset, end=offset + size)
            except FINAL_ERRORS:
                raise
            except Exception:
                # Servers refuse parts that begin behind the end.
                total = store.size(path)
                if total is not None and offset >= total:
                    return b''
                raise

        content = self._ask(filepath, read)
        if len(content) > size:
            raise ValueError(
                f'{filepath} was read from a server that does not give parts of files: '
                f'{len(content)} bytes came instead of {size}. Set `cache_dir` to a folder on a '
                'local disk for whole copies.'
            )
        return content


register_backend('fsspec', FsspecBackend, force=True)
