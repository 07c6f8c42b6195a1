"""``mmsapiens doctor``."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict
from pathlib import Path

import click

from ..zoo.paths import ROOTS, cache_dir, config_folder, endpoint, is_offline
from . import installed
from .exit_codes import FAILED, OK
from .installed import PROBLEM, Finding, note, problem
from .output import as_json, console, json_option, print_table

LARGEST_GB = 10
"""Room for a released checkpoint of the largest size, in float32."""


@click.command('doctor')
@json_option
def command(json: bool) -> int:
    """Check the installation; the exit code is 1 if there is a problem.

    Nothing is changed. A note is what may be intended, such as a package that is not needed for
    every task.
    """
    findings = [
        *installed.check_versions(),
        *installed.check_hosts(),
        *installed.check_binaries(),
        *check_devices(),
        *check_storage(),
    ]
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


def check_devices() -> list[Finding]:
    """Processors and accelerators, as torch sees them."""
    try:
        import torch
    except ImportError:
        return []  # the binaries say so
    text = (
        f'{os.cpu_count()} processors, {torch.get_num_threads()} threads, '
        f'{torch.backends.cpu.get_cpu_capability()}, {platform.machine()}; '
        f'bfloat16 in {_cpu_bf16()}'
    )
    findings = [Finding('cpu', text)]
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        text = (
            f'{gpu.name}, {gpu.total_memory / 1e9:.0f} GB, compute capability '
            f'{gpu.major}.{gpu.minor}, bfloat16 {"yes" if gpu.major >= 8 else "no"}'
        )
        findings.append(Finding(f'cuda:{index}', text))
    if torch.version.cuda is None:
        findings.append(Finding('cuda', 'torch is built without it'))
    elif not torch.cuda.is_available():
        text = f'torch is built for CUDA {torch.version.cuda}, but sees no GPU'
        if os.path.exists('/dev/nvidiactl'):
            remedy = (
                'update its driver (`nvidia-smi` names it), or install a torch for its CUDA; '
                'look at CUDA_VISIBLE_DEVICES'
            )
            findings.append(problem('cuda', f'{text}, although this machine has one', remedy))
        else:
            findings.append(note('cuda', text, 'none, if this machine has no GPU'))
    if torch.backends.mps.is_available():
        findings.append(Finding('mps', 'available'))
    return findings


def _cpu_bf16() -> str:
    """How the processor computes in bfloat16."""
    path = Path('/proc/cpuinfo')
    flags = path.read_text(encoding='utf-8') if path.exists() else ''
    if 'amx_bf16' in flags:
        return 'hardware (AMX)'
    if 'avx512_bf16' in flags or 'bf16' in flags.split():
        return 'hardware'
    return 'software, slower than float32'


def check_storage() -> list[Finding]:
    """Folders that are read from and written to: the cache, the roots of the release, configs."""
    findings = [_check_cache()]
    for variable in ROOTS:
        root = os.environ.get(variable)
        if root and Path(root).expanduser().is_dir():
            findings.append(Finding(variable, root))
        elif root:
            remedy = f'correct it, or `unset {variable}`'
            findings.append(problem(variable, f'there is no folder {root}', remedy))
    try:
        findings.append(Finding('configs', str(config_folder())))
    except FileNotFoundError as error:
        findings.append(problem('configs', str(error), 'install mmsapiens again'))
    network = 'forbidden by the environment' if is_offline() else endpoint()
    return [*findings, Finding('hub', network)]


def _check_cache() -> Finding:
    """Where downloads go, and whether they can."""
    folder = cache_dir()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    remedy = 'set MMSAPIENS_HOME to a folder elsewhere'
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return problem('cache', f'{folder}: {existing} cannot be written', remedy)
    free = shutil.disk_usage(existing).free / 1e9
    text = f'{folder}, {free:.0f} GB free'
    if free < LARGEST_GB:
        return note(
            'cache', f'{text}; the largest checkpoint may not fit', f'make room, or {remedy}'
        )
    return Finding('cache', text)
