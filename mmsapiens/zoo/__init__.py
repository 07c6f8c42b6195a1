"""Released checkpoints: what there is, where it is, fetching it safely.

Imports neither torch nor a host, and the network library when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config_path import config_path
from .errors import DownloadError, IntegrityError
from .home import cache_path, home
from .releases import FORMATS, Release, find_release, releases

if TYPE_CHECKING:
    from .resolve import resolve_checkpoint
    from .store import download
    from .transfer import RetryPolicy

_LATER = {'RetryPolicy': 'transfer', 'download': 'store', 'resolve_checkpoint': 'resolve'}

__all__ = [
    'FORMATS',
    'DownloadError',
    'IntegrityError',
    'Release',
    'RetryPolicy',
    'cache_path',
    'config_path',
    'download',
    'find_release',
    'home',
    'releases',
    'resolve_checkpoint',
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = import_module(f'{__name__}.{_LATER[name]}')
    value = getattr(module, name)
    globals()[name] = value
    return value
