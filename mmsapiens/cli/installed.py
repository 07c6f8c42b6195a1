"""Whether installed packages are those that are needed: versions, hosts, compiled ones."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from ..version import __version__

NOTE = 'note'
PROBLEM = 'problem'

EXTRAS = ('pose', 'dense', 'pretrain', 'detection')
PYTHONS = ('3.10', '3.11', '3.12')
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

STOCK: dict[str, tuple[str, tuple[str, ...]]] = {
    'mmpose': ('mmpose', ('apis/inferencers/mmpose_inferencer.py', 'codecs/udp_heatmap.py')),
    'mmseg': ('mmsegmentation', ('apis/mmseg_inferencer.py', 'models/segmentors/base.py')),
    'mmpretrain': ('mmpretrain', ('models/selfsup/mae.py', 'registry.py')),
    'mmdet': ('mmdet', ('apis/det_inferencer.py', 'models/detectors/rtmdet.py')),
    'mmcv': ('mmcv-lite', ('transforms/processing.py', 'ops/nms.py')),
    'mmengine': ('mmengine', ('runner/runner.py', 'registry/root.py')),
}
"""Module -> its distribution, and files that every stock release has."""
FORK_SIGNS: dict[str, tuple[tuple[str, str], ...]] = {
    'mmpose': (('models/heads/heatmap_heads/heatmap_head.py', 'use_silu'),),
    'mmseg': (
        ('models/decode_heads/vit_head.py', ''),
        ('models/decode_heads/vit_depth_head.py', ''),
        ('models/decode_heads/vit_normal_head.py', ''),
    ),
    'mmpretrain': (('models/backbones/vision_transformer.py', 'sapiens_'),),
}
"""Module -> files with words that only the Sapiens fork has; '' is the file itself."""


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, 'ok', 'note' or 'problem'."""

    topic: str
    text: str
    status: str = 'ok'
    remedy: str | None = None


def problem(topic: str, text: str, remedy: str) -> Finding:
    """A finding that keeps something from working."""
    return Finding(topic, text, PROBLEM, remedy)


def note(topic: str, text: str, remedy: str) -> Finding:
    """A finding that limits something, which may be intended."""
    return Finding(topic, text, NOTE, remedy)


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
    """Compare what the core needs with what is installed."""
    text = f'{platform.python_version()} at {sys.executable}'
    python = Finding('python', text)
    if '.'.join(platform.python_version_tuple()[:2]) not in PYTHONS:
        python = problem('python', text, 'use Python 3.10, 3.11 or 3.12')
    system = Finding('system', platform.platform())
    findings = [Finding('mmsapiens', __version__), system, python]
    needed = requirements()
    for name, (requirement, extra) in needed.items():
        if extra is None and name not in OPENCV:
            findings.append(_check_version(name, requirement))
    wanted = needed[OPENCV[0]][0]
    present = [name for name in OPENCV if installed(name)]
    findings += [_check_version(name, wanted) for name in present or OPENCV[:1]]
    if len(present) > 1:
        text = f'{" and ".join(present)} share the folder cv2: the last one installed wins'
        remedy = f"pip uninstall -y {' '.join(present)}; pip install '{wanted}'"
        findings.append(note('OpenCV', text, remedy))
    return findings


def _check_version(name: str, requirement: Requirement) -> Finding:
    """Compare a distribution with what is needed."""
    found, wanted = installed(name), requirement.specifier
    remedy = f"pip install '{name}{wanted}'"
    if found is None:
        return problem(name, 'is not installed', remedy)
    if not wanted.contains(found, prereleases=True):
        return problem(name, f'{found}, but {wanted} is needed', remedy)
    return Finding(name, found)


def check_binaries(modules: Iterable[str] = COMPILED) -> list[Finding]:
    """Import compiled packages, keys of :data:`COMPILED`, each in a process of its own."""
    findings = []
    for module in modules:
        name, remedy = COMPILED[module]
        if installed(name) is None:
            continue  # the versions say so, or it is not needed
        code = [sys.executable, '-c', f'import {module}']
        done = subprocess.run(code, capture_output=True, text=True)
        if done.returncode == 0:
            continue
        text = done.stderr.strip() or f'ended with {done.returncode}'
        last = text.splitlines()[-1]
        if any(sign in text for sign in _ABI):
            last = f'was built for another numpy ({last})'
        findings.append(problem(name, f'cannot be imported: {last}', remedy))
    return findings or [Finding('compiled packages', 'all load')]


def check_hosts() -> list[Finding]:
    """Look at each OpenMMLab package, importing none."""
    return [row for module in STOCK for row in _check_host(module)] + _check_mmcv()


def _folder_of(module: str) -> Path | None:
    """Where Python would import a package from."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def _check_host(module: str) -> list[Finding]:
    """Whether one package is there, stock, of a supported version and what pip installed."""
    name, stock_files = STOCK[module]
    requirement, extra = requirements()[name]
    specifier = requirement.specifier
    folder, wanted = _folder_of(module), f"pip install '{name}{specifier}'"
    if folder is None:
        text = 'is not installed; only training and configs of OpenMMLab need it'
        return [note(module, text, f"pip install 'mmsapiens[{extra}]' (docs/install.md)")]
    match = re.search(r"__version__ = ['\"]([^'\"]+)['\"]", _text_of(folder / 'version.py'))
    found = match[1] if match else 'of unknown version'
    text = f'{found} at {folder}'
    signs = FORK_SIGNS.get(module, ())
    if any((folder / file).is_file() and word in _text_of(folder / file) for file, word in signs):
        text += ': is the fork of the Sapiens repository, which hides the stock package'
        remedy = f'pip uninstall -y {name}; remove its folder from PYTHONPATH and from .pth files'
        return [problem(module, text, f'{remedy}; {wanted}')]
    missing = [file for file in stock_files if not (folder / file).is_file()]
    if missing:
        text += f': {", ".join(missing)} of the stock package is missing'
        return [problem(module, text, f'pip uninstall -y {name}; {wanted}')]
    findings = []
    distributions = [name, 'mmcv', 'mmcv-full'] if module == 'mmcv' else [name]
    present = [(one, number) for one in distributions if (number := installed(one))]
    if not present:
        remedy = f'if this is not intended, remove the folder; {wanted}'
        findings.append(note(module, f'{text} was not installed by pip', remedy))
    elif present[0][1] != found:
        hidden = ' '.join(present[0])
        remedy = 'remove that folder from PYTHONPATH, the working directory or .pth files'
        shadow = f'{text} hides {hidden}, which pip has installed'
        findings.append(problem(module, shadow, f'{remedy}; {wanted}'))
    if match is None or not specifier.contains(found, prereleases=True):
        findings.append(problem(module, f'{text}, but {specifier} is needed', wanted))
    return findings or [Finding(module, text)]


def _text_of(path: Path) -> str:
    return path.read_text(errors='replace') if path.is_file() else ''


def _check_mmcv() -> list[Finding]:
    """The two distributions of mmcv, and its operators."""
    topic = 'mmcv operators'
    lite, full = installed('mmcv-lite'), installed('mmcv') or installed('mmcv-full')
    folder = _folder_of('mmcv')
    if lite and full:
        text = f'mmcv {full} and mmcv-lite {lite} are installed; both write the folder mmcv'
        remedy = 'pip uninstall -y mmcv mmcv-full mmcv-lite; pip install mmcv-lite==2.1.0'
        return [problem(topic, text, f'{remedy}, or build mmcv 2.1.0')]
    if folder is None:
        return []
    if list(folder.glob('_ext*')):
        return [Finding(topic, 'compiled')]
    if full:
        text = f'mmcv {full} is installed without its compiled operators'
        remedy = 'pip uninstall -y mmcv; pip install mmcv-lite==2.1.0, or build it with a torch'
        return [problem(topic, text, f'{remedy} that it supports (docs/install.md)')]
    return [Finding(topic, 'not compiled; torchvision stands in for those that it has')]
