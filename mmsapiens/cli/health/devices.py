"""Processors and accelerators, as torch sees them."""

from __future__ import annotations

import os
import platform

from .finding import Finding, note, problem


def check_devices() -> list[Finding]:
    """What networks can run on."""
    try:
        import torch
    except ImportError:
        return []  # the binaries say so
    findings = [
        Finding(
            'cpu',
            f'{os.cpu_count()} processors, {torch.get_num_threads()} threads, '
            f'{torch.backends.cpu.get_cpu_capability()}, '
            f'{platform.machine()}; bfloat16 in {_cpu_bf16()}',
        )
    ]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            major = properties.major
            findings.append(
                Finding(
                    f'cuda:{index}',
                    f'{properties.name}, {properties.total_memory / 1e9:.0f} '
                    f'GB, compute capability {major}.{properties.minor}, '
                    f'bfloat16 {"yes" if major >= 8 else "no"}',
                )
            )
    elif torch.version.cuda is None:
        findings.append(Finding('cuda', 'torch is built without it'))
    else:
        text = f'torch is built for CUDA {torch.version.cuda}, but sees no GPU'
        if os.path.exists('/dev/nvidiactl'):
            findings.append(
                problem(
                    'cuda',
                    f'{text}, although this machine has one',
                    'update its driver (`nvidia-smi` names it), or install '
                    'a torch for its CUDA; look at CUDA_VISIBLE_DEVICES',
                )
            )
        else:
            findings.append(note('cuda', text, 'none, if this machine has no GPU'))
    if torch.backends.mps.is_available():
        findings.append(Finding('mps', 'available'))
    return findings


def _cpu_bf16() -> str:
    """How the processor computes in bfloat16."""
    flags = ''
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            flags = file.read()
    if 'amx_bf16' in flags:
        return 'hardware (AMX)'
    if 'avx512_bf16' in flags or 'bf16' in flags.split():
        return 'hardware'
    return 'software, slower than float32'
