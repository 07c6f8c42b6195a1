"""``mmsapiens doctor``: packages, devices, folders and the network; imports no host."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

import click
from packaging.requirements import Requirement

from ..version import __version__
from ..zoo.paths import ROOTS, cache_dir, config_folder, endpoint, is_offline
from .exit_codes import FAILED, OK
from .output import as_json, console, json_option, print_table

LARGEST_GB = 10
"""Room for a released checkpoint of the largest size, in float32."""
NOTE = 'note'
"""Status of what limits something, which may be intended."""
PROBLEM = 'problem'
"""Status of what keeps something from working."""
EXTRAS = ('pose', 'dense', 'pretrain', 'detection')
PYTHONS = ('3.10', '3.11', '3.12')
OPENCV = tuple(
    f'opencv-{kind}python{end}' for kind in ('', 'contrib-') for end in ('', '-headless')
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
    'mmseg': tuple((f'models/decode_heads/vit_{n}head.py', '') for n in ('', 'depth_', 'normal_')),
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


@click.command('doctor')
@json_option
def command(json: bool) -> int:
    """Check the installation; the exit code is 1 if there is a problem.

    Nothing is changed. A note is what may be intended, such as a package that is not needed for
    every task.
    """
    checks = (check_versions, check_hosts, check_binaries, check_devices, check_storage)
    findings = [row for check in checks for row in check()]
    count = sum(row.status == PROBLEM for row in findings)
    if json:
        as_json(dict(healthy=not count, findings=[asdict(row) for row in findings]))
    else:
        rows = [(row.status, row.topic, row.text) for row in findings]
        print_table('mmsapiens doctor', ('', 'what', 'found'), rows)
        shown = console()
        for row in findings:
            if row.remedy is not None:
                shown.print(f'{row.status}: {row.topic}: {row.text}\n  remedy: {row.remedy}')
        shown.print(f'{count or "no"} problem{"s" if count != 1 else ""}')
    return FAILED if count else OK


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
        for extra in (None, *EXTRAS):  # not those of tests
            if requirement.marker is None or requirement.marker.evaluate({'extra': extra or ''}):
                found.setdefault(requirement.name, (requirement, extra))
                break
    return found


def check_versions() -> list[Finding]:
    """Compare what the core needs with what is installed."""
    python = Finding('python', f'{platform.python_version()} at {sys.executable}')
    if '.'.join(platform.python_version_tuple()[:2]) not in PYTHONS:
        python = replace(python, status=PROBLEM, remedy='use Python 3.10, 3.11 or 3.12')
    system = Finding('system', platform.platform())
    present = [name for name in OPENCV if installed(name)]
    needed = requirements()
    core = {name: one for name, (one, extra) in needed.items() if not extra and name not in OPENCV}
    core |= dict.fromkeys(present or OPENCV[:1], needed[OPENCV[0]][0])
    findings = [Finding('mmsapiens', __version__), system, python]
    findings += [_check_version(name, requirement) for name, requirement in core.items()]
    if len(present) > 1:
        text = f'{" and ".join(present)} share the folder cv2: the last one installed wins'
        remedy = f"pip uninstall -y {' '.join(present)}; pip install '{needed[OPENCV[0]][0]}'"
        findings.append(Finding('OpenCV', text, NOTE, remedy))
    return findings


def _check_version(name: str, requirement: Requirement) -> Finding:
    """Compare a distribution with what is needed."""
    found, wanted = installed(name), requirement.specifier
    remedy = f"pip install '{name}{wanted}'"
    if found is None:
        return Finding(name, 'is not installed', PROBLEM, remedy)
    if not wanted.contains(found, prereleases=True):
        return Finding(name, f'{found}, but {wanted} is needed', PROBLEM, remedy)
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
        findings.append(Finding(name, f'cannot be imported: {last}', PROBLEM, remedy))
    return findings or [Finding('compiled packages', 'all load')]


def check_hosts() -> list[Finding]:
    """Look at each OpenMMLab package."""
    return [row for module in STOCK for row in _check_host(module)] + _check_mmcv()


def _folder_of(module: str) -> Path | None:
    """Where Python would import a package from."""
    spec = find_spec(module)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def _check_host(module: str) -> list[Finding]:
    """Whether one package is there, stock, of a supported version and what pip installed."""
    name, stock_files = STOCK[module]
    requirement, extra = requirements()[name]
    specifier = requirement.specifier
    folder, wanted = _folder_of(module), f"pip install '{name}{specifier}'"
    if folder is None:
        text = 'is not installed; only training and configs of OpenMMLab need it'
        return [Finding(module, text, NOTE, f"pip install 'mmsapiens[{extra}]' (docs/install.md)")]
    match = re.search(r"__version__ = ['\"]([^'\"]+)['\"]", _text_of(folder / 'version.py'))
    found = match[1] if match else 'of unknown version'
    text = f'{found} at {folder}'
    signs = FORK_SIGNS.get(module, ())
    if any((folder / file).is_file() and word in _text_of(folder / file) for file, word in signs):
        text += ': is the fork of the Sapiens repository, which hides the stock package'
        remedy = f'pip uninstall -y {name}; remove its folder from PYTHONPATH and from .pth files'
        return [Finding(module, text, PROBLEM, f'{remedy}; {wanted}')]
    missing = [file for file in stock_files if not (folder / file).is_file()]
    if missing:
        text += f': {", ".join(missing)} of the stock package is missing'
        return [Finding(module, text, PROBLEM, f'pip uninstall -y {name}; {wanted}')]
    findings = []
    distributions = [name, 'mmcv', 'mmcv-full'] if module == 'mmcv' else [name]
    present = [(one, number) for one in distributions if (number := installed(one))]
    if not present:
        remedy = f'if this is not intended, remove the folder; {wanted}'
        findings.append(Finding(module, f'{text} was not installed by pip', NOTE, remedy))
    elif present[0][1] != found:
        remedy = 'remove that folder from PYTHONPATH, the working directory or .pth files'
        shadow = f'{text} hides {" ".join(present[0])}, which pip has installed'
        findings.append(Finding(module, shadow, PROBLEM, f'{remedy}; {wanted}'))
    if match is None or not specifier.contains(found, prereleases=True):
        findings.append(Finding(module, f'{text}, but {specifier} is needed', PROBLEM, wanted))
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
        return [Finding(topic, text, PROBLEM, f'{remedy}, or build mmcv 2.1.0')]
    if folder is None:
        return []
    if list(folder.glob('_ext*')):
        return [Finding(topic, 'compiled')]
    if full:
        text = f'mmcv {full} is installed without its compiled operators'
        remedy = 'pip uninstall -y mmcv; pip install mmcv-lite==2.1.0, or build it with a torch'
        return [Finding(topic, text, PROBLEM, f'{remedy} that it supports (docs/install.md)')]
    return [Finding(topic, 'not compiled; torchvision stands in for those that it has')]


def check_devices() -> list[Finding]:
    """Processors and accelerators, as torch sees them."""
    try:
        import torch
    except ImportError:
        return []  # the binaries say so
    text = f'{os.cpu_count()} processors, {torch.get_num_threads()} threads, '
    text += f'{torch.backends.cpu.get_cpu_capability()}, {platform.machine()}; '
    findings = [Finding('cpu', f'{text}bfloat16 in {_cpu_bf16()}')]
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        text = f'{gpu.name}, {gpu.total_memory / 1e9:.0f} GB, compute capability '
        text += f'{gpu.major}.{gpu.minor}, bfloat16 {"yes" if gpu.major >= 8 else "no"}'
        findings.append(Finding(f'cuda:{index}', text))
    if torch.version.cuda is None:
        findings.append(Finding('cuda', 'torch is built without it'))
    elif not torch.cuda.is_available():
        text = f'torch is built for CUDA {torch.version.cuda}, but sees no GPU'
        status, remedy = NOTE, 'none, if this machine has no GPU'
        if os.path.exists('/dev/nvidiactl'):
            status, text = PROBLEM, f'{text}, although this machine has one'
            remedy = 'update its driver (`nvidia-smi` names it), or install a torch for its CUDA; '
            remedy += 'look at CUDA_VISIBLE_DEVICES'
        findings.append(Finding('cuda', text, status, remedy))
    if torch.backends.mps.is_available():
        findings.append(Finding('mps', 'available'))
    return findings


def _cpu_bf16() -> str:
    """How the processor computes in bfloat16."""
    flags = _text_of(Path('/proc/cpuinfo')).split()
    if 'amx_bf16' in flags:
        return 'hardware (AMX)'
    has_bf16 = 'avx512_bf16' in flags or 'bf16' in flags
    return 'hardware' if has_bf16 else 'software, slower than float32'


def check_storage() -> list[Finding]:
    """Folders that are read from and written to: the cache, the roots of the release, configs."""
    findings = [_check_cache()]
    for variable in ROOTS:
        root = os.environ.get(variable)
        if root and Path(root).expanduser().is_dir():
            findings.append(Finding(variable, root))
        elif root:
            remedy = f'correct it, or `unset {variable}`'
            findings.append(Finding(variable, f'there is no folder {root}', PROBLEM, remedy))
    try:
        findings.append(Finding('configs', str(config_folder())))
    except FileNotFoundError as error:
        findings.append(Finding('configs', str(error), PROBLEM, 'install mmsapiens again'))
    network = 'forbidden by the environment' if is_offline() else endpoint()
    return [*findings, Finding('hub', network)]


def _check_cache() -> Finding:
    """Where downloads go, and whether they can."""
    folder = cache_dir()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    remedy = 'set MMSAPIENS_HOME to a folder elsewhere'
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return Finding('cache', f'{folder}: {existing} cannot be written', PROBLEM, remedy)
    free = shutil.disk_usage(existing).free / 1e9
    text = f'{folder}, {free:.0f} GB free'
    if free >= LARGEST_GB:
        return Finding('cache', text)
    text += '; the largest checkpoint may not fit'
    return Finding('cache', text, NOTE, f'make room, or {remedy}')
