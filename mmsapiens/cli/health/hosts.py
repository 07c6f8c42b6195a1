"""The OpenMMLab packages: which there are, and whether they are stock."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from packaging.version import Version

from .finding import Finding, note, problem
from .versions import installed

STOCK: dict[str, tuple[str, str, str, str | None]] = {
    'mmpose': ('mmpose', '1.3.2', '1.4', 'pose'),
    'mmseg': ('mmsegmentation', '1.2.2', '1.3', 'dense'),
    'mmpretrain': ('mmpretrain', '1.2.0', '1.3', 'pretrain'),
    'mmdet': ('mmdet', '3.3.0', '3.4', 'pose'),
    'mmcv': ('mmcv-lite', '2.1.0', '2.2', None),
    'mmengine': ('mmengine', '0.10.7', '0.11', None),
}
"""Module -> its distribution, the first version that will do, the first that will not, and the
extra of mmsapiens that asks for it."""

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

STOCK_FILES: dict[str, tuple[str, ...]] = {
    'mmpose': ('apis/inferencers/mmpose_inferencer.py', 'codecs/udp_heatmap.py'),
    'mmseg': ('apis/mmseg_inferencer.py', 'models/segmentors/base.py'),
    'mmpretrain': ('models/selfsup/mae.py', 'registry.py'),
    'mmdet': ('apis/det_inferencer.py', 'models/detectors/rtmdet.py'),
    'mmcv': ('transforms/processing.py', 'ops/nms.py'),
    'mmengine': ('runner/runner.py', 'registry/root.py'),
}
"""Module -> files that every stock release has."""


def check_hosts() -> list[Finding]:
    """Look at each OpenMMLab package, importing none."""
    findings: list[Finding] = []
    for module in STOCK:
        findings += _check_module(module)
    return findings + check_mmcv()


def module_folder(module: str) -> Path | None:
    """Where Python would import a package from."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def version_in(folder: Path) -> str | None:
    """``__version__`` in the source of a package."""
    path = folder / 'version.py'
    if not path.is_file():
        return None
    found = re.search(r"__version__ = ['\"]([^'\"]+)['\"]", path.read_text(errors='replace'))
    return found and found[1]


def is_fork(module: str, folder: Path) -> bool:
    """Whether a package is the one of the Sapiens repository."""
    for name, word in FORK_SIGNS.get(module, ()):
        path = folder / name
        if path.is_file() and word in path.read_text(errors='replace'):
            return True
    return False


def _check_module(module: str) -> list[Finding]:
    """One package."""
    name, first, end, extra = STOCK[module]
    folder = module_folder(module)
    wanted = f"pip install '{name}>={first},<{end}'"
    if folder is None:
        if extra is None:
            return [problem(module, 'is not installed', wanted)]
        return [
            note(
                module,
                'is not installed, so its tasks are not available',
                f"pip install --no-build-isolation 'mmsapiens[{extra}]'",
            )
        ]
    found = version_in(folder) or 'of unknown version'
    text = f'{found} at {folder}'
    if is_fork(module, folder):
        return [
            problem(
                module,
                f'{text}: is the fork of the Sapiens repository, which hides the stock package',
                f'pip uninstall -y {name}; remove its folder from PYTHONPATH '
                f'and from .pth files; {wanted}',
            )
        ]
    missing = [file for file in STOCK_FILES[module] if not (folder / file).is_file()]
    if missing:
        return [
            problem(
                module,
                f'{text}: lacks {", ".join(missing)} of the stock package',
                f'pip uninstall -y {name}; {wanted}',
            )
        ]
    findings = [*_check_shadow(module, name, found, folder, wanted)]
    if not _is_supported(found, first, end):
        findings.append(problem(module, f'{text}, but >={first},<{end} is needed', wanted))
    return findings or [Finding(module, text)]


def _is_supported(found: str, first: str, end: str) -> bool:
    try:
        return Version(first) <= Version(found) < Version(end)
    except ValueError:
        return False


def _check_shadow(module: str, name: str, found: str, folder: Path, wanted: str) -> list[Finding]:
    """Whether another copy comes before the installed one."""
    names = (name, 'mmcv', 'mmcv-full') if module == 'mmcv' else (name,)
    for candidate in names:
        try:
            dist = distribution(candidate)
        except PackageNotFoundError:
            continue
        if dist.version != found:
            return [
                problem(
                    module,
                    f'{found} at {folder} hides {candidate} {dist.version}, '
                    'which pip has installed',
                    'remove that folder from PYTHONPATH, the working '
                    f'directory or .pth files; {wanted}',
                )
            ]
        return []
    return [
        note(
            module,
            f'{found} at {folder} was not installed by pip',
            f'if this is not intended, remove the folder; {wanted}',
        )
    ]


def check_mmcv() -> list[Finding]:
    """The two distributions of mmcv, and its operators."""
    lite = installed('mmcv-lite')
    full = installed('mmcv') or installed('mmcv-full')
    folder = module_folder('mmcv')
    if lite and full:
        return [
            problem(
                'mmcv operators',
                f'mmcv {full} and mmcv-lite {lite} are installed; both write the folder mmcv',
                'pip uninstall -y mmcv mmcv-full mmcv-lite; pip install '
                'mmcv-lite==2.1.0, or build mmcv 2.1.0',
            )
        ]
    if folder is None:
        return []
    if list(folder.glob('_ext*')):
        return [Finding('mmcv operators', 'compiled')]
    text = 'not compiled; torchvision stands in for those that it has'
    if full and not lite:
        return [
            problem(
                'mmcv operators',
                f'mmcv {full} is installed without its compiled operators',
                'pip uninstall -y mmcv; pip install mmcv-lite==2.1.0, or '
                'build it with a torch that it supports (docs/install.md)',
            )
        ]
    return [Finding('mmcv operators', text)]
