"""Where files are kept, and what the environment says about downloads.

``MMSAPIENS_HOME`` is the folder of this package, by default ``mmsapiens`` in ``$XDG_CACHE_HOME`` or
``~/.cache``. Releases lie below ``hub`` as they do in their repositories.
"""

from __future__ import annotations

import os
from pathlib import Path

from .releases import Release

ROOTS = {
    'SAPIENS_CHECKPOINT_ROOT': 'sapiens_host/',
    'SAPIENS_LITE_CHECKPOINT_ROOT': 'sapiens_lite_host/{mode}/',
}
"""Variables of the Sapiens release -> the part of a path that they stand for; ``{mode}`` is
torchscript or bfloat16."""

DEFAULT_ENDPOINT = 'https://huggingface.co'


def cache_dir() -> Path:
    """The folder of this package."""
    chosen = os.environ.get('MMSAPIENS_HOME')
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(cache).expanduser() / 'mmsapiens'


def cache_path(release: Release) -> Path:
    """Where a release is kept, downloaded or not."""
    return cache_dir() / 'hub' / release.key


def root_path(release: Release) -> Path | None:
    """A file below the roots of the Sapiens release, if there is one."""
    for variable, start in ROOTS.items():
        root = os.environ.get(variable)
        prefix = start.format(mode=release.format)
        if not root or not release.path_in_repo.startswith(prefix):
            continue
        path = Path(root).expanduser() / release.path_in_repo[len(prefix) :]
        if path.is_file():
            return path
    return None


def is_offline() -> bool:
    """Whether the environment forbids the network."""
    values = (os.environ.get(name, '') for name in ('MMSAPIENS_OFFLINE', 'HF_HUB_OFFLINE'))
    return any(value.lower() in ('1', 'true', 'yes', 'on') for value in values)


def endpoint() -> str:
    """Address of the hub, or of the mirror in ``HF_ENDPOINT``."""
    return (os.environ.get('HF_ENDPOINT') or DEFAULT_ENDPOINT).rstrip('/')
