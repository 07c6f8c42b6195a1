"""Measuring in a process of its own, where memory starts at nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parents[1]
_CODE = (
    'import importlib, json, sys; sys.path.insert(0, sys.argv[1]); '
    'run = getattr(importlib.import_module(sys.argv[2]), sys.argv[3]); '
    'print(json.dumps(run(*sys.argv[4:])))'
)


def run_in_child(module: str, function: str, *args: object) -> Any:
    """Call a function of a module in a new process.

    Args:
        module (str): Its name, such as 'rows.loading'.
        function (str): Its name; takes strings and returns JSON values.
        *args: Converted to strings.

    Returns:
        Any: What the function returned.

    Raises:
        RuntimeError: If it failed.
    """
    command = [sys.executable, '-c', _CODE, TOOLS, module, function, *args]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f'{module}.{function} ended with {done.returncode}: {" ".join(last)}')
    return json.loads(done.stdout.splitlines()[-1])
