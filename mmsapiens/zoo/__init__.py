"""Released checkpoints: what there is, where it is, fetching it safely.

Imports neither torch nor a host, and the network library when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import DownloadError, IntegrityError
from .paths import cache_dir, cache_path, config_path
from .releases import FORMATS, Release, find_release, releases

if TYPE_CHECKING:
    from .downloading import download, resolve_checkpoint

__all__ = [
    'FORMATS',
    'DownloadError',
    'IntegrityError',
    'Release',
    'cache_dir',
    'cache_path',
    'config_path',
    'download',
    'find_release',
    'releases',
    'resolve_checkpoint',
]


def __getattr__(name: str) -> Any:
    if name not in ('download', 'resolve_checkpoint'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import downloading

    return getattr(downloading, name)
