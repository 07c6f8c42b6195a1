"""Released checkpoints: what there is, where it is, fetching it safely.

Imports neither torch nor a host, and the network library when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import DownloadError as DownloadError
from .errors import IntegrityError as IntegrityError
from .paths import cache_dir as cache_dir
from .paths import cache_path as cache_path
from .paths import config_path as config_path
from .releases import FORMATS as FORMATS
from .releases import Release as Release
from .releases import find_release as find_release
from .releases import releases as releases
from .releases import split_model as split_model

if TYPE_CHECKING:
    from .downloading import download as download
    from .downloading import resolve_checkpoint as resolve_checkpoint


def __getattr__(name: str) -> Any:
    if name not in ('download', 'resolve_checkpoint'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import downloading

    return getattr(downloading, name)
