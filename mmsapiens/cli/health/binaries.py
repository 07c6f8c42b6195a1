"""Compiled packages: whether they load, and beside each other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from .finding import Finding, problem
from .versions import installed

COMPILED = {
    'numpy': ('numpy', 'pip install --force-reinstall numpy'),
    'cv2': (
        'opencv-python',
        'pip install --force-reinstall --no-deps opencv-python; on a server '
        'without libGL, opencv-python-headless',
    ),
    'torch': ('torch', 'see https://pytorch.org/get-started/locally'),
    'torchvision': ('torchvision', 'install the torchvision that belongs to the version of torch'),
    'xtcocotools._mask': (
        'xtcocotools',
        'pip install --force-reinstall --no-deps --no-cache-dir '
        '--no-build-isolation --no-binary xtcocotools xtcocotools',
    ),
}
"""Module -> its distribution, and what to do if it does not load."""

_ABI = ('numpy.dtype size changed', 'compiled using NumPy', '_ARRAY_API')


def check_binaries(modules: Mapping[str, tuple[str, str]] = COMPILED) -> list[Finding]:
    """Import each compiled package in a process of its own.

    Args:
        modules (Mapping): As :data:`COMPILED`, the default.
    """
    findings = []
    for module, (name, remedy) in modules.items():
        if installed(name) is None:
            continue  # the versions say so, or nobody needs it
        done = subprocess.run(
            [sys.executable, '-c', f'import {module}'], capture_output=True, text=True
        )
        if done.returncode == 0:
            continue
        text = done.stderr.strip() or f'ended with {done.returncode}'
        last = text.splitlines()[-1]
        if any(sign in text for sign in _ABI):
            last = f'was built for another numpy ({last})'
        findings.append(problem(name, f'cannot be imported: {last}', remedy))
    return findings or [Finding('compiled packages', 'all load')]
