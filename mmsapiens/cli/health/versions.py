"""Versions of Python and of the packages that are built upon."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from ...version import __version__
from .finding import Finding, note, problem

REQUIRED: dict[str, tuple[str, str | None]] = {
    'torch': ('2.9', None),
    'torchvision': ('0.24', None),
    'numpy': ('1.26', None),
    'mmengine': ('0.10.7', '0.11'),
    'setuptools': ('77', '82'),
    'safetensors': ('0.4.3', None),
    'huggingface_hub': ('1', '3'),
}
"""Distribution -> first version that will do, and first that will not."""

OPENCV = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
OPENCV_END = '5'
"""Version 5 warps images differently."""


def installed(name: str) -> str | None:
    """Version of a distribution, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_versions() -> list[Finding]:
    """Compare what is installed with what is needed."""
    findings = [
        Finding('mmsapiens', __version__),
        Finding('system', platform.platform()),
        _python(),
    ]
    for name, (first, end) in REQUIRED.items():
        found = installed(name)
        wanted = f'>={first}' + (f',<{end}' if end else '')
        remedy = f"pip install '{name}{wanted}'"
        if found is None:
            findings.append(problem(name, 'is not installed', remedy))
        elif not _within(found, first, end):
            text = f'{found}, but {wanted} is needed'
            findings.append(problem(name, text, remedy))
        else:
            findings.append(Finding(name, found))
    return findings + _opencv()


def _within(found: str, first: str, end: str | None) -> bool:
    release = Version(found)
    if release < Version(first):
        return False
    return end is None or release < Version(end)


def _python() -> Finding:
    found = platform.python_version()
    text = f'{found} at {sys.executable}'
    if _within(found, '3.10', '3.13'):
        return Finding('python', text)
    return problem('python', text, 'use Python 3.10, 3.11 or 3.12')


def _opencv() -> list[Finding]:
    """OpenCV has four distributions that write the same folder."""
    found = {name: installed(name) for name in OPENCV}
    present = {name: text for name, text in found.items() if text}
    if not present:
        return [problem('OpenCV', 'is not installed', "pip install 'opencv-python>=4.10,<5'")]
    findings = [Finding(name, text) for name, text in present.items()]
    newer = [name for name, text in present.items() if not _within(text, '4.10', OPENCV_END)]
    if newer:
        wanted = ' '.join(f"'{name}>=4.10,<5'" for name in present)
        findings.append(
            problem(
                'OpenCV',
                f'{", ".join(newer)}: >=4.10,<5 is needed; version 5 warps images differently',
                f'pip install {wanted}',
            )
        )
    if len(set(present.values())) > 1:
        findings.append(
            note(
                'OpenCV',
                'several distributions of different versions share the folder cv2',
                f'pip uninstall -y {" ".join(present)}, then install one',
            )
        )
    return findings
