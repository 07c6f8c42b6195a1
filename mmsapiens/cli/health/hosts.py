"""The OpenMMLab packages: which there are, and whether they are stock."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from packaging.specifiers import SpecifierSet

from .finding import Finding, note, problem
from .packages import installed, requirements

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


def check_hosts() -> list[Finding]:
    """Look at each OpenMMLab package, importing none."""
    return [row for module in STOCK for row in _check_module(module)] + check_mmcv()


def module_folder(module: str) -> Path | None:
    """Where Python would import a package from."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def version_in(folder: Path) -> str:
    """``__version__`` in the source of a package."""
    path = folder / 'version.py'
    text = path.read_text(errors='replace') if path.is_file() else ''
    found = re.search(r"__version__ = ['\"]([^'\"]+)['\"]", text)
    return found[1] if found else 'of unknown version'


def is_fork(module: str, folder: Path) -> bool:
    """Whether a package is the one of the Sapiens repository."""
    return any(
        (folder / name).is_file() and word in (folder / name).read_text(errors='replace')
        for name, word in FORK_SIGNS.get(module, ())
    )


def _check_module(module: str) -> list[Finding]:
    """One package."""
    name, stock_files = STOCK[module]
    requirement, extra = requirements()[name]
    folder = module_folder(module)
    wanted = f"pip install '{name}{requirement.specifier}'"
    if folder is None:
        text = 'is not installed; only training and configs of OpenMMLab need it'
        return [note(module, text, f"pip install 'mmsapiens[{extra}]' (docs/install.md)")]
    found = version_in(folder)
    text = f'{found} at {folder}'
    if is_fork(module, folder):
        text += ': is the fork of the Sapiens repository, which hides the stock package'
        remedy = f'pip uninstall -y {name}; remove its folder from PYTHONPATH and from .pth files'
        return [problem(module, text, f'{remedy}; {wanted}')]
    missing = [file for file in stock_files if not (folder / file).is_file()]
    if missing:
        text += f': {", ".join(missing)} of the stock package is missing'
        return [problem(module, text, f'pip uninstall -y {name}; {wanted}')]
    findings = _check_shadow(module, found, folder, wanted)
    if not _is_supported(found, requirement.specifier):
        text += f', but {requirement.specifier} is needed'
        findings.append(problem(module, text, wanted))
    return findings or [Finding(module, text)]


def _is_supported(found: str, specifier: SpecifierSet) -> bool:
    return found[:1].isdigit() and specifier.contains(found, prereleases=True)


def _check_shadow(module: str, found: str, folder: Path, wanted: str) -> list[Finding]:
    """Whether another copy comes before the installed one."""
    name = STOCK[module][0]
    for candidate in (name, 'mmcv', 'mmcv-full') if module == 'mmcv' else (name,):
        try:
            dist = distribution(candidate)
        except PackageNotFoundError:
            continue
        if dist.version == found:
            return []
        text = f'{found} at {folder} hides {candidate} {dist.version}, which pip has installed'
        remedy = 'remove that folder from PYTHONPATH, the working directory or .pth files'
        return [problem(module, text, f'{remedy}; {wanted}')]
    text = f'{found} at {folder} was not installed by pip'
    return [note(module, text, f'if this is not intended, remove the folder; {wanted}')]


def check_mmcv() -> list[Finding]:
    """The two distributions of mmcv, and its operators."""
    topic = 'mmcv operators'
    lite, full = installed('mmcv-lite'), installed('mmcv') or installed('mmcv-full')
    folder = module_folder('mmcv')
    if lite and full:
        text = f'mmcv {full} and mmcv-lite {lite} are installed; both write the folder mmcv'
        remedy = (
            'pip uninstall -y mmcv mmcv-full mmcv-lite; pip install mmcv-lite==2.1.0, or build '
            'mmcv 2.1.0'
        )
        return [problem(topic, text, remedy)]
    if folder is None:
        return []
    if list(folder.glob('_ext*')):
        return [Finding(topic, 'compiled')]
    if full:
        text = f'mmcv {full} is installed without its compiled operators'
        remedy = (
            'pip uninstall -y mmcv; pip install mmcv-lite==2.1.0, or build it with a torch that '
            'it supports (docs/install.md)'
        )
        return [problem(topic, text, remedy)]
    return [Finding(topic, 'not compiled; torchvision stands in for those that it has')]
