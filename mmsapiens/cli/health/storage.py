"""Folders: the cache, the roots of the release, configs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ...zoo.cache import ROOTS, cache_dir, endpoint, is_offline
from ...zoo.config_path import config_folder
from .finding import Finding, note, problem

LARGEST_GB = 10
"""Room for a released checkpoint of the largest size, in float32."""


def check_storage() -> list[Finding]:
    """Look at the folders that are read from and written to."""
    findings = [_cache()]
    for variable in ROOTS:
        root = os.environ.get(variable)
        if not root:
            continue
        if Path(root).expanduser().is_dir():
            findings.append(Finding(variable, root))
        else:
            findings.append(
                problem(
                    variable, f'there is no folder {root}', f'correct it, or `unset {variable}`'
                )
            )
    try:
        findings.append(Finding('configs', str(config_folder())))
    except FileNotFoundError as error:
        findings.append(problem('configs', str(error), 'install mmsapiens again'))
    network = 'forbidden by the environment' if is_offline() else endpoint()
    return [*findings, Finding('hub', network)]


def _cache() -> Finding:
    """Where downloads go, and whether they can."""
    folder = cache_dir()
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return problem(
            'cache',
            f'{folder}: {existing} cannot be written',
            'set MMSAPIENS_HOME to a folder elsewhere',
        )
    free = shutil.disk_usage(existing).free / 1e9
    text = f'{folder}, {free:.0f} GB free'
    if free < LARGEST_GB:
        return note(
            'cache',
            f'{text}; the largest checkpoint may not fit',
            'make room, or set MMSAPIENS_HOME to a folder elsewhere',
        )
    return Finding('cache', text)
