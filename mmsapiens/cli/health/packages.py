"""Packages that the core needs: their versions, and whether compiled ones load."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ...version import __version__
from .finding import Finding, note, problem

EXTRAS = ('pose', 'dense', 'pretrain', 'detection')
PYTHON = SpecifierSet('>=3.10,<3.13')
OPENCV = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
"""Distributions that write the same folder ``cv2``."""
COMPILED = {
    'numpy': ('numpy', 'pip install --force-reinstall numpy'),
    'cv2': (
        'opencv-python',
        'pip install --force-reinstall --no-deps opencv-python; on a server without libGL, '
        'install libgl1, or opencv-python-headless instead (docs/install.md)',
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


def installed(name: str) -> str | None:
    """Version of a distribution, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def requirements() -> dict[str, tuple[Requirement, str | None]]:
    """What this package asks for, by name: the requirement, and the first extra that has it."""
    found: dict[str, tuple[Requirement, str | None]] = {}
    for requirement in map(Requirement, requires('mmsapiens') or ()):
        marker, extra = requirement.marker, None
        if marker is not None and not marker.evaluate({'extra': ''}):
            extra = next((name for name in EXTRAS if marker.evaluate({'extra': name})), None)
            if extra is None:  # of tests
                continue
        found.setdefault(requirement.name, (requirement, extra))
    return found


def check_versions() -> list[Finding]:
    """Compare what is installed with what is needed."""
    text = f'{platform.python_version()} at {sys.executable}'
    is_right = platform.python_version() in PYTHON
    findings = [
        Finding('mmsapiens', __version__),
        Finding('system', platform.platform()),
        Finding('python', text)
        if is_right
        else problem('python', text, 'use Python 3.10, 3.11 or 3.12'),
    ]
    for name, (requirement, extra) in requirements().items():
        if extra is None and name not in OPENCV:
            findings.append(check_version(name, requirement))
    return [*findings, *_check_opencv()]


def check_version(name: str, requirement: Requirement) -> Finding:
    """Compare a distribution with what is needed."""
    found, wanted = installed(name), requirement.specifier
    remedy = f"pip install '{name}{wanted}'"
    if found is None:
        return problem(name, 'is not installed', remedy)
    if not wanted.contains(found, prereleases=True):
        return problem(name, f'{found}, but {wanted} is needed', remedy)
    return Finding(name, found)


def _check_opencv() -> list[Finding]:
    """One of the distributions of OpenCV must be there, and only one should."""
    wanted = requirements()[OPENCV[0]][0]
    present = [name for name in OPENCV if installed(name)]
    if not present:
        return [problem('OpenCV', 'is not installed', f"pip install '{wanted}'")]
    findings = [check_version(name, wanted) for name in present]
    if len(present) > 1:
        findings.append(
            note(
                'OpenCV',
                f'{" and ".join(present)} share the folder cv2: the last one installed wins',
                f"pip uninstall -y {' '.join(present)}; pip install '{wanted}'",
            )
        )
    return findings


def check_binaries(modules: Iterable[str] = COMPILED) -> list[Finding]:
    """Import compiled packages, each in a process of its own.

    Args:
        modules (Iterable[str]): Keys of :data:`COMPILED`. Defaults to all.
    """
    findings = []
    for module in modules:
        name, remedy = COMPILED[module]
        if installed(name) is None:
            continue  # the versions say so, or it is not needed
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
